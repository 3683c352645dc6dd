// The desired state of a Vault or OpenBao, as plain data (design, decision 2). Names are those of Vault's API in camel case;
// durations are seconds. Every delivery reads this one value: Pulumi, `keyward vault apply`, vault-config-operator.
//
// The path of a policy's rule may hold `{{accessor:auth/<path>}}` (accessor.ts): the accessor of an auth method, which the
// server draws when the method is enabled. Each delivery puts it in with `resolveAccessors` before it writes the policy.
import { decodeWith } from '../schema/decode';
import { SchemaError } from '../schema/schema-error';
import { checkVaultState } from './check';
import { type VaultState, vaultState } from './namespace';

export type {
  AppRole,
  AppRoleAuth,
  AuthMethod,
  CertAuth,
  CertRole,
  JwtAuth,
  JwtAuthConfig,
  JwtRole,
  KubernetesAuth,
  KubernetesAuthConfig,
  KubernetesRole,
  TokenAuth,
  TokenLife,
  TokenReviewMode,
  TokenRole,
} from './auth-methods';
export type { SecretKeyRef, SecretSource } from './fields';
export { type KvMount, type TransitKey, type TransitMount, transitKeyTypes } from './mounts';
export type { AuditDevice, RateLimitQuota, VaultNamespace, VaultState } from './namespace';
export { type Capability, capabilities, type Policy, type PolicyRule } from './policy';

const subject = 'the state of the Vault';

/** Reads a state, for example the parsed text of a file. Throws a SchemaError that names every fault. */
export function decodeVaultState(value: unknown): VaultState {
  const state = decodeWith(vaultState, value, subject);
  const issues = checkVaultState(state);
  if (issues.length > 0) throw new SchemaError(subject, issues);
  return state;
}
