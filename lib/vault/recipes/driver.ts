// All that a driver needs of its Vault, for every KMS that it has: the side of Vault of one `kms` declaration (R3).
import { type KmsProps, settleKms, type VaultTransitKmsSettings } from '../../schema/kms';
import { SchemaError } from '../../schema/schema-error';
import { transitAccess } from '../access';
import type { TransitKey } from '../mounts';
import type { VaultState } from '../namespace';
import { type DriverGrantProps, vaultGrant } from './ceph-csi';
import { type DriverLoginProps, driverLogin } from './driver-login';
import { type Grant, type RecipeProps, stateOf } from './grant';
import type { KvMountOptions } from './key-values';
import { below, plainPath } from './paths';
import { tenantServiceAccountGrants } from './tenant-service-accounts';
import { tenantTokenGrants } from './tenant-tokens';
import type { TenantProps } from './tenants';

/** Props of `driverVaultState`. */
export interface DriverVaultProps extends RecipeProps, Partial<TenantProps> {
  /** The KMSs by id, as the driver's configuration has them. Those that are not at a Vault are passed over. */
  readonly kms: Readonly<Record<string, KmsProps>>;
  /** Who the driver is. */
  readonly driver: {
    readonly namespace: string;
    /**
     * Service accounts that use the KMSs.
     * @default - keyward-csi, under which all of keyward's driver runs
     */
    readonly serviceAccounts?: readonly string[];
    /**
     * Audience of their tokens.
     * @default - not checked
     */
    readonly audience?: string;
  };
  /**
   * The Kubernetes auth method, and the life of tokens.
   * @default - Vault runs in this cluster; batch tokens for an hour
   */
  readonly login?: DriverLoginProps;
  /**
   * Settings of the KV engines beside their version.
   * @default - those of the server
   */
  readonly mount?: KvMountOptions;
  /**
   * Settings of the transit keys.
   * @default - those of the server; protected from deletion
   */
  readonly transitKey?: TransitKey;
  /**
   * Lets the driver make new versions of the transit keys (`keyward kms rotate`). A key that rotates by itself needs it not.
   * @default false
   */
  readonly rotatesTransitKeys?: boolean;
}

/** The state for all KMSs at one Vault. Throws a SchemaError for what cannot be, also for KMSs at two Vaults. */
export function driverVaultState(props: DriverVaultProps): VaultState {
  refuseTwoVaults(props.kms);
  const grants = Object.entries(props.kms).flatMap(([kmsId, kms]) => grantsFor(kmsId, kms, props));
  return stateOf(grants, props, props.login);
}

function refuseTwoVaults(kms: DriverVaultProps['kms']): void {
  const addresses = new Set(
    Object.values(kms).flatMap((one) => (one.type.startsWith('vault') ? [addressOf(one)] : [])),
  );
  if (addresses.size < 2) return;
  throw new SchemaError('the KMSs of the driver', [
    {
      path: '',
      message: `are at ${[...addresses].sort().join(' and ')}`,
      remedy: 'make one state for each Vault, with the KMSs that are there',
    },
  ]);
}

function addressOf(kms: KmsProps): string {
  return 'address' in kms ? kms.address.trim().replace(/\/+$/, '') : '';
}

function grantsFor(kmsId: string, kms: KmsProps, props: DriverVaultProps): readonly Grant[] {
  const { owner = 'keyward', driver, login = {}, mount, tenants = [], sharedKeys = false } = props;
  const policy = `${owner}-${kmsId}`.toLowerCase();
  const { namespace, serviceAccounts: names = ['keyward-csi'], audience } = driver;
  const accounts = { names, namespaces: [namespace], audience };
  const forDriver: DriverGrantProps = { policy, accounts, login, mount };
  const forTenants = { name: policy, tenants, sharedKeys, ...(mount !== undefined && { mount }) };
  const settings = settleKms(kmsId, kms);
  switch (settings.type) {
    case 'vault':
      return [vaultGrant(settings, forDriver)];
    case 'vaulttransit':
      return [transitGrant(settings, forDriver, props)];
    case 'vaulttokens':
      return tenantTokenGrants(settings, { ...forTenants, ...login });
    case 'vaulttenantsa':
      return tenantServiceAccountGrants(settings, { ...forTenants, login });
    default:
      return [];
  }
}

function transitGrant(
  settings: VaultTransitKmsSettings,
  { policy, accounts, login }: DriverGrantProps,
  { transitKey = {}, rotatesTransitKeys = false }: DriverVaultProps,
): Grant {
  const own = driverLogin(settings.auth, accounts, policy, login);
  const mountPath = plainPath(settings.transitPath);
  const { keyName: key } = settings;
  const verbs = ['encrypt', 'decrypt', ...(rotatesTransitKeys ? (['rotate'] as const) : [])] as const;
  return {
    namespace: plainPath(settings.authNamespace),
    policy,
    rules: [...transitAccess({ mountPath, key, verbs, namespace: below(settings) }), ...own.rules],
    login: own.login,
    engines: [
      {
        namespace: plainPath(settings.namespace),
        path: mountPath,
        mount: { type: 'transit', keys: { [key]: transitKey } },
      },
    ],
  };
}
