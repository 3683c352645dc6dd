// KMS type `vault`, of ceph-csi and of keyward: the driver's own identity keeps the keys of all volumes in one KV engine.
import { settleKms, type VaultKmsProps, type VaultKmsSettings } from '../../schema/kms';
import type { VaultState } from '../namespace';
import { type DriverLoginProps, driverLogin } from './driver-login';
import { type Grant, type RecipeProps, stateOf } from './grant';
import { type KvMountOptions, keyValuesOf } from './key-values';
import type { ServiceAccounts } from './login';
import { folder, plainPath } from './paths';

/** Props of `cephCsiVaultState`. */
export interface CephCsiVaultProps extends RecipeProps {
  /** The KMS, as the driver's configuration has it. */
  readonly kms: VaultKmsProps;
  /** Namespace of the driver. */
  readonly namespace: string;
  /** Service accounts of the driver that use the KMS: the provisioner's and the node plugin's. */
  readonly serviceAccounts: readonly string[];
  /**
   * Audience of their tokens.
   * @default - not checked
   */
  readonly audience?: string;
  /**
   * The Kubernetes auth method, and the life of tokens.
   * @default - Vault runs in this cluster; batch tokens for an hour
   */
  readonly login?: DriverLoginProps;
  /**
   * Settings of the KV engine beside its version.
   * @default - those of the server
   */
  readonly mount?: KvMountOptions;
}

/** Engine, policy, auth method and role for one KMS of type `vault`. Throws a SchemaError for what cannot be. */
export function cephCsiVaultState(props: CephCsiVaultProps): VaultState {
  const { namespace, serviceAccounts: names, audience, login = {}, mount } = props;
  const settings = settleKms('vault', props.kms);
  const policy = settings.auth.method === 'kubernetes' ? settings.auth.role.toLowerCase() : 'ceph-csi';
  const accounts = { names, namespaces: [namespace], audience };
  return stateOf([vaultGrant(settings, { policy, accounts, login, mount })], props, login);
}

/** What a grant for a driver's own identity is made of. */
export interface DriverGrantProps {
  /** Name of the policy, and of the role of a token. */
  readonly policy: string;
  readonly accounts: ServiceAccounts;
  readonly login: DriverLoginProps;
  readonly mount: KvMountOptions | undefined;
}

/** Who reads and writes the entries of a KMS of type `vault`. */
export function vaultGrant(settings: VaultKmsSettings, { policy, accounts, login, mount }: DriverGrantProps): Grant {
  const keys = keyValuesOf(settings, { prefix: folder(settings.passphrasePath), options: mount });
  const own = driverLogin(settings.auth, accounts, policy, login);
  return {
    namespace: plainPath(settings.authNamespace),
    policy,
    rules: [...keys.rules, ...own.rules],
    login: own.login,
    engines: [keys.engine],
  };
}
