// KMS type `vaulttokens`: each tenant has a token of its own, made by a role of its own, with a policy of its own.
import { settleKms, type VaultTokensKmsProps, type VaultTokensKmsSettings } from '../../schema/kms';
import type { VaultState } from '../namespace';
import { ownToken } from './driver-login';
import { type Grant, type RecipeProps, stateOf } from './grant';
import { type KvMountOptions, keyValuesOf } from './key-values';
import { type TokenLoginProps, tokenLogin } from './login';
import { plainPath } from './paths';
import { type TenantProps, tenantsOf } from './tenants';

/** Props of `tenantTokensState`. */
export interface TenantTokensProps extends RecipeProps, TenantProps, TokenLoginProps {
  /** The KMS, as the driver's configuration has it. */
  readonly kms: VaultTokensKmsProps;
  /**
   * What the names of policies and roles begin with; `-` and the tenant follow.
   * @default csi-tenant
   */
  readonly name?: string;
  /**
   * Settings of the KV engines beside their version.
   * @default - those of the server
   */
  readonly mount?: KvMountOptions;
}

/**
 * Engines, and for each tenant a policy and a token role: `vault token create -role=<name>-<tenant>` gives the token for
 * its Secret. Throws a SchemaError for what cannot be.
 */
export function tenantTokensState(props: TenantTokensProps): VaultState {
  return stateOf(tenantTokenGrants(settleKms('vaulttokens', props.kms), props), props);
}

/** One grant for each tenant. */
export function tenantTokenGrants(
  kms: VaultTokensKmsSettings,
  { name = 'csi-tenant', mount, ...props }: Omit<TenantTokensProps, 'kms'>,
): readonly Grant[] {
  return tenantsOf(kms, props).map(({ name: tenant, settings, prefix }) => {
    const keys = keyValuesOf(settings, { prefix, options: mount });
    const policy = `${name}-${tenant}`;
    return {
      namespace: plainPath(settings.authNamespace),
      policy,
      rules: [...keys.rules, ...ownToken],
      login: tokenLogin(policy, props),
      engines: [keys.engine],
    };
  });
}
