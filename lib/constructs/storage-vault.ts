// The side of Vault of an encrypted storage: derived from its KMSs, so that no name is said twice (R3).
import { Construct } from 'constructs';
import type { KmsProps } from '../schema/kms';
import { type DriverVaultProps, driverVaultState, mergeVaultStates, type VaultState } from '../vault';
import { propError } from './prop-error';
import { type ServiceAccountRef, TokenReviewer } from './token-reviewer';
import { VaultBootstrapJob, type VaultBootstrapJobProps } from './vault-bootstrap-job';

/** What the Vault of the KMSs shall hold for them, beside what follows from the KMSs themselves. */
export interface StorageVaultProps
  extends Pick<
    DriverVaultProps,
    'owner' | 'login' | 'mount' | 'transitKey' | 'rotatesTransitKeys' | 'sharedKeys' | 'tenants'
  > {
  /**
   * A Job that makes the server so, where GitOps applies the rest.
   * @default - none: `keyward vault apply` or Pulumi takes `vaultState`
   */
  readonly job?: StorageVaultJob;
  /**
   * States of the same owner for other consumers of this Vault, e.g. of an `ApiServerEncryption`: united with this one, so
   * that the Job applies them as well.
   * @default - none
   */
  readonly others?: readonly VaultState[];
}

/** How the Job reaches the server and logs in. Its address is the one of the KMSs. */
export interface StorageVaultJob
  extends Pick<VaultBootstrapJobProps, 'login' | 'annotations' | 'adopt' | 'deleteData' | 'backoffLimit'> {
  /**
   * The server, beside its address.
   * @default - the root namespace, CAs of Node.js
   */
  readonly server?: Omit<VaultBootstrapJobProps['server'], 'address'>;
}

/** Props of a `StorageVault`. */
export interface StorageVaultOptions extends StorageVaultProps {
  readonly kms: Readonly<Record<string, KmsProps>>;
  readonly driver: DriverVaultProps['driver'];
  /** Image of keyward, for the Job. */
  readonly image?: string | undefined;
}

/** The state of the Vault, what it needs in the cluster to review tokens, and the Job that applies it if one is asked for. */
export class StorageVault extends Construct {
  readonly state: VaultState;

  constructor(scope: Construct, id: string, { job, image, others = [], ...props }: StorageVaultOptions) {
    super(scope, id);
    this.state = mergeVaultStates(driverVaultState(props), ...others);
    const clients = selfReviewers(this.state);
    if (clients.length > 0)
      new TokenReviewer(this, 'Reviewer', { mode: 'client-token', clients, name: reviewerName(this.state) });
    if (job === undefined) return;
    const { server, ...how } = job;
    const { namespace } = props.driver;
    new VaultBootstrapJob(this, 'Job', {
      ...how,
      state: this.state,
      server: { ...server, address: this.#addressOf(props.kms) },
      namespace,
      ...(image !== undefined && { image }),
    });
  }

  /** The recipe has refused two. */
  #addressOf(kms: StorageVaultOptions['kms']): string {
    for (const one of Object.values(kms)) if (one.type.startsWith('vault') && 'address' in one) return one.address;
    throw propError({
      prop: this.node.path,
      got: 'KMSs that are at no Vault',
      allowed: 'at least one KMS of a type that begins with vault',
      remedy: 'Remove the props of Vault, or add the KMS',
    });
  }
}

/** A binding is of the whole cluster, and two owners are two bindings. */
function reviewerName({ owner }: VaultState): string {
  return `${owner}-token-reviewer`;
}

/** The accounts whose own tokens ask the API server about themselves (R4): each must be let. */
function selfReviewers({ namespaces }: VaultState): readonly ServiceAccountRef[] {
  const found = new Map<string, ServiceAccountRef>();
  for (const method of Object.values(namespaces).flatMap(({ auth = {} }) => Object.values(auth))) {
    if (method.type !== 'kubernetes' || method.config.reviewer.mode !== 'client-token') continue;
    for (const { boundServiceAccountNames, boundServiceAccountNamespaces } of Object.values(method.roles ?? {})) {
      for (const namespace of boundServiceAccountNamespaces) {
        for (const name of boundServiceAccountNames) found.set(`${namespace}/${name}`, { name, namespace });
      }
    }
  }
  return [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, account]) => account);
}
