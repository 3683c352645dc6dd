/**
 * The port through which a provider reaches what belongs to a tenant in Kubernetes. The process that serves CSI has no
 * Kubernetes identity: the tenant agent fills this port over a unix socket.
 */
import { labelName } from '../../lib/schema/names';
import { CodedError } from '../errors';
import type { Secret } from '../secret';
import type { KeyReference } from './provider';

export interface ReadOptions {
  /** Ask the Kubernetes API, whatever is remembered: for a credential that was just refused. */
  readonly fresh?: boolean;
  readonly signal?: AbortSignal;
}

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  /** Look in the driver's namespace when the tenant has no such Secret; a Secret without the key ends the search. */
  readonly orOfDriver?: boolean;
}

/**
 * Undefined: there is no such object, or the whole namespace is gone. All methods throw CodedErrors: KMS_DENIED (not one
 * of the configured names, or the agent lacks the right), KMS_UNREACHABLE, KMS_TIMEOUT, KMS_THROTTLED, REQUEST_INVALID.
 */
export interface TenantDirectory {
  /** Who receives the Secret zeroes it. @throws CodedError SECRET_MISSING when the Secret lacks the key, or it is empty. */
  secret(name: SecretName, options?: ReadOptions): Promise<Secret | undefined>;
  /** The text values of a ConfigMap. */
  configMap(
    name: Omit<SecretName, 'key' | 'orOfDriver'>,
    options?: ReadOptions,
  ): Promise<Readonly<Record<string, string>> | undefined>;
  /** A new token for a ServiceAccount; without an audience for the API server. */
  serviceAccountToken(
    account: { readonly namespace: string; readonly name: string; readonly audience?: string },
    options?: ReadOptions,
  ): Promise<Secret | undefined>;
}

/**
 * A key that cannot be removed by its tenant's identity any more, however often one tries: the identity is gone, or it
 * leads elsewhere by now. The deletion of a volume goes on and lists the key as an orphan (R14).
 */
export class KeyOutOfReach extends CodedError {}

/** What belongs to the tenant is gone. */
export function tenantHasNo(what: string, tenant: string): KeyOutOfReach {
  return new KeyOutOfReach('SECRET_MISSING', `the tenant ${tenant} has no ${what}`, {
    remedy:
      'Create it in the namespace of the tenant. Where the tenant is gone for good, its volumes can still be deleted: "keyward keys orphans" lists the keys that stay.',
  });
}

/** The tenant of a volume. @throws CodedError SECRET_MISSING when it is not known, REQUEST_INVALID when it is no namespace. */
export function tenantOf({ owner, volumeId }: KeyReference): string {
  if (owner === '') {
    throw new CodedError('SECRET_MISSING', `the tenant of ${volumeId} is not known`, {
      remedy: 'Run the provisioner with --extra-create-metadata: it passes the namespace of the claim.',
    });
  }
  if (labelName.safeParse(owner).success) return owner;
  throw new CodedError('REQUEST_INVALID', `the tenant of ${volumeId} is not a namespace`, {
    remedy: 'The owner of a volume is the namespace of its claim, as the provisioner passes it.',
  });
}

/** Where no agent is configured: every use tells so. */
export const noTenantDirectory: TenantDirectory = {
  secret: () => Promise.reject(noAgent()),
  configMap: () => Promise.reject(noAgent()),
  serviceAccountToken: () => Promise.reject(noAgent()),
};

function noAgent(): CodedError {
  return new CodedError('CONFIG_INVALID', 'this KMS needs what belongs to a tenant, and there is no tenant agent', {
    remedy: 'Run "keyward tenant-agent" beside the driver and give it --tenant-agent unix://PATH.',
  });
}
