// How a consumer comes to Vault: what its identity is bound to, and how long its tokens live.
import { labelName, objectName } from '../../schema/names';
import { SchemaError } from '../../schema/schema-error';
import type { AppRole, KubernetesAuth, KubernetesRole, TokenRole } from '../auth-methods';

/** The Kubernetes auth method, and the life of the tokens that its roles give. */
export interface KubernetesLoginProps {
  /**
   * URL of the API server that knows the service accounts, as Vault reaches it.
   * @default https://kubernetes.default.svc
   */
  readonly kubernetesHost?: string;
  /**
   * CA of the API server as PEM.
   * @default - that of the cluster that Vault runs in, or those of the system where Vault runs elsewhere
   */
  readonly kubernetesCaCert?: string;
  /**
   * Who asks the API server about a token (R4). `vault-own-token` needs a Vault that runs in this cluster;
   * with `client-token` each account that logs in, and with `reviewer-token` the one of the token, needs the ClusterRole
   * `system:auth-delegator`.
   * @default { mode: 'vault-own-token' }
   */
  readonly reviewer?: KubernetesAuth['config']['reviewer'];
  /**
   * Issuer that tokens must have.
   * @default - not checked by Vault: the API server does
   */
  readonly issuer?: string;
  /**
   * Seconds that the token of a login lives.
   * @default 3600
   */
  readonly tokenTtl?: number;
  /**
   * Batch tokens cost Vault no storage, however often a driver logs in. Service tokens can be renewed and revoked.
   * @default batch
   */
  readonly tokenType?: 'batch' | 'service';
}

/** The life of a token that a person or a pipeline makes and puts into a Secret. */
export interface TokenLoginProps {
  /**
   * Seconds within which whoever holds the token must renew it. keyward's runtime does; ceph-csi and Rook do not.
   * @default 2592000, which is 30 days
   */
  readonly tokenPeriod?: number;
}

/** Somebody who logs in, and what he is let in as. Its policies are added where the grants come together. */
export type Login =
  | { readonly method: 'kubernetes'; readonly path: string; readonly role: string; readonly body: KubernetesRole }
  | { readonly method: 'approle'; readonly path: string; readonly role: string; readonly body: AppRole }
  | { readonly method: 'token'; readonly role: string; readonly body: TokenRole };

/** Service accounts by name, in namespaces by name. */
export interface ServiceAccounts {
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  readonly audience?: string | undefined;
}

const hour = 3_600;
const month = 30 * 24 * hour;

/** The configuration of the method, as every recipe writes it. */
export function kubernetesConfig({
  kubernetesHost = 'https://kubernetes.default.svc',
  kubernetesCaCert,
  reviewer = { mode: 'vault-own-token' },
  issuer,
}: KubernetesLoginProps): KubernetesAuth['config'] {
  return {
    kubernetesHost,
    ...(kubernetesCaCert !== undefined && { kubernetesCaCert }),
    reviewer,
    ...(issuer !== undefined && { issuer }),
  };
}

/** Throws a SchemaError for a name that is none, such as `*` (trap 5). */
export function serviceAccountLogin(
  { path, role }: { readonly path: string; readonly role: string },
  { names, namespaces, audience }: ServiceAccounts,
  { tokenTtl = hour, tokenType = 'batch' }: KubernetesLoginProps,
): Login {
  const subject = `the role ${role} at auth/${path}`;
  for (const name of names) refuseUnless(objectName.safeParse(name).success, name, 'service account', subject);
  for (const name of namespaces) refuseUnless(labelName.safeParse(name).success, name, 'namespace', subject);
  return {
    method: 'kubernetes',
    path,
    role,
    body: {
      boundServiceAccountNames: [...new Set(names)].sort(),
      boundServiceAccountNamespaces: [...new Set(namespaces)].sort(),
      ...(audience !== undefined && { audience }),
      // Nothing of `default` is needed, and who logs in again does not look its token up.
      tokenNoDefaultPolicy: true,
      tokenTtl,
      tokenType,
    },
  };
}

/** A role by which `vault token create -role=<role>` makes an orphan that lives as long as it is renewed. */
export function tokenLogin(role: string, { tokenPeriod = month }: TokenLoginProps): Login {
  return {
    method: 'token',
    role,
    body: { orphan: true, renewable: true, tokenNoDefaultPolicy: true, tokenPeriod, tokenType: 'service' },
  };
}

function refuseUnless(isName: boolean, name: string, what: string, subject: string): void {
  if (isName) return;
  throw new SchemaError(subject, [
    {
      path: '',
      message: `is bound to ${JSON.stringify(name)}, which is no name of a ${what}`,
      remedy: `name each ${what}: "*" and patterns let strangers in (trap 5)`,
    },
  ]);
}
