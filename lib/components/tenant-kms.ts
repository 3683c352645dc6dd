// The tenants of stock ceph-csi through Pulumi: what each has in its namespace, and Vault's side for all of them.
import { ComponentResource, type ComponentResourceOptions } from '@pulumi/pulumi';
import { CephCsiTenant, type CephCsiTenantProps } from '../constructs/ceph-csi/tenant';
import { KmsConfigMap } from '../constructs/kms-config-map';
import { defined } from '../schema/decode';
import type { VaultTenantSaKmsProps, VaultTokensKmsProps } from '../schema/kms';
import {
  type TenantServiceAccountsProps,
  tenantServiceAccountsState,
  tenantTokensState,
  type VaultState as VaultStateValue,
} from '../vault';
import { renderManifests } from './manifests';
import { registerManifests } from './register-manifests';
import { afterVault, recipeLogin, registerVaultSide, type VaultSideArgs } from './vault-side';
import type { VaultState } from './vault-state';

/** The side of Vault of a `TenantKms`. */
export interface TenantKmsVault
  extends VaultSideArgs,
    Pick<TenantServiceAccountsProps, 'mount' | 'name' | 'owner' | 'sharedKeys'> {}

/** Props of a `TenantKms`. */
export interface TenantKmsArgs {
  /** Id of the KMS in the configuration of the driver. */
  readonly id: string;
  /** The KMS, as the configuration of the driver has it. */
  readonly kms: VaultTokensKmsProps | VaultTenantSaKmsProps;
  /** The tenants by their namespaces, which must exist: what each has of its own. */
  readonly tenants: Readonly<Record<string, Pick<CephCsiTenantProps<string>, 'secret' | 'overrides'>>>;
  /**
   * What Vault needs for them: engines, policies, auth method, roles. All tenants of a role are one declaration, so that the
   * role is bound to each.
   * @default - nothing: somebody else keeps the Vault
   */
  readonly vaultState?: TenantKmsVault;
}

/**
 * The tenants of a KMS of ceph-csi.
 *
 * Throws what the construct and the recipe throw, before anything is registered; `pulumi preview` shows it.
 */
export class TenantKms extends ComponentResource {
  /** What is at the Vault, where `vaultState` asks for it. */
  readonly vaultState: VaultState | undefined;

  constructor(name: string, args: TenantKmsArgs, options: ComponentResourceOptions = {}) {
    const { id, kms, tenants, vaultState } = args;
    const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', { [id]: kms });
    const manifests = Object.entries(tenants).flatMap(([namespace, tenant]) =>
      renderManifests({ name, namespace }, (chart) => {
        new CephCsiTenant(chart, `Tenant-${namespace}`, { ...tenant, kmsConfig, kms: id, namespace });
      }),
    );
    const state = vaultState && stateFor(args, vaultState);
    super('keyward:index:TenantKms', name, {}, options);
    const owner = { resource: this, name, dependsOn: options.dependsOn };
    this.vaultState = state && registerVaultSide(owner, state, vaultState ?? {});
    registerManifests(afterVault(owner, this.vaultState), manifests);
    this.registerOutputs({});
  }
}

function stateFor({ kms, tenants }: TenantKmsArgs, { protect: _, login, ...side }: TenantKmsVault): VaultStateValue {
  const overrides = Object.fromEntries(
    Object.entries(tenants).map(([namespace, tenant]) => [namespace, defined(tenant.overrides ?? {})]),
  );
  if (kms.type === 'vaulttenantsa')
    return tenantServiceAccountsState({ ...side, login: recipeLogin(login), kms, tenants: overrides });
  const { tokenPeriod } = login ?? {};
  return tenantTokensState({ ...side, kms, tenants: overrides, ...(tokenPeriod !== undefined && { tokenPeriod }) });
}
