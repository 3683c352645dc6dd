// The side of Vault that a component brings along: what its consumers need there, from the same declaration (R3).
import { type Input, mergeOptions } from '@pulumi/pulumi';
import type { DriverLoginProps, VaultState as VaultStateValue } from '../vault';
import type { Owner } from './owner';
import { VaultState, type VaultStateArgs } from './vault-state';

/** Who asks the API server whether the token of a pod is good (R4); a long-lived token is an Output of Pulumi. */
export type Reviewer =
  | { readonly mode: 'vault-own-token' | 'client-token' }
  | { readonly mode: 'reviewer-token'; readonly tokenReviewerJwt: Input<string> };

/** The Kubernetes auth method, and the life of tokens. */
export interface VaultLogin extends Omit<DriverLoginProps, 'reviewer'> {
  /**
   * Who asks the API server about a token. `vault-own-token` needs a Vault that runs in this cluster.
   * @default { mode: 'vault-own-token' }
   */
  readonly reviewer?: Reviewer;
}

/** What to declare at the Vault. An empty object will do where Vault runs in this cluster. */
export interface VaultSideArgs extends Pick<VaultStateArgs, 'protect'> {
  /**
   * The Kubernetes auth method, and the life of tokens.
   * @default - Vault runs in this cluster; batch tokens for an hour
   */
  readonly login?: VaultLogin;
}

/** The login as the recipes take it. */
export function recipeLogin({ reviewer, ...login }: VaultLogin = {}): DriverLoginProps {
  if (reviewer === undefined) return login;
  if (reviewer.mode !== 'reviewer-token') return { ...login, reviewer: { mode: reviewer.mode } };
  // The state must say where the token is; whoever registers it gives the token itself.
  return { ...login, reviewer: { mode: reviewer.mode, tokenReviewerJwt: { file: 'an Output of Pulumi' } } };
}

/**
 * Registers the state as a child of the component, with its name. Objects of the cluster that use it come after it.
 * @param secretIdsFor roles that get a secret id, by address
 */
export function registerVaultSide(
  { resource, name, dependsOn }: Owner,
  state: VaultStateValue,
  { protect, login }: VaultSideArgs,
  secretIdsFor: readonly string[] = [],
): VaultState {
  const { reviewer } = login ?? {};
  const reviewerJwts = reviewer?.mode === 'reviewer-token' ? forReviewers(state, reviewer.tokenReviewerJwt) : {};
  const args = { state, reviewerJwts, secretIdsFor, ...(protect !== undefined && { protect }) };
  return new VaultState(name, args, { parent: resource, ...(dependsOn !== undefined && { dependsOn }) });
}

/** The owner of objects that use the Vault: they come after what is there. */
export function afterVault(owner: Owner, vaultState: VaultState | undefined): Owner {
  if (vaultState === undefined) return owner;
  const inherited = owner.dependsOn === undefined ? {} : { dependsOn: owner.dependsOn };
  return { ...owner, dependsOn: mergeOptions({ dependsOn: [vaultState] }, inherited).dependsOn };
}

/** The token for every Kubernetes auth method of the state: they all ask the same cluster. */
function forReviewers({ namespaces }: VaultStateValue, jwt: Input<string>): Readonly<Record<string, Input<string>>> {
  const methods = Object.entries(namespaces).flatMap(([namespace, { auth = {} }]) =>
    Object.entries(auth).flatMap(([path, { type }]) =>
      type === 'kubernetes' ? [namespace === '' ? path : `${namespace}/${path}`] : [],
    ),
  );
  return Object.fromEntries(methods.map((address) => [address, jwt]));
}
