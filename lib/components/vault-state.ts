// The desired state of a Vault as Pulumi resources: the same value that `keyward vault apply` reads.
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { decodeVaultState, type VaultState as VaultStateValue } from '../vault/state';
import type { Owner } from './owner';
import { checkSecrets } from './vault/check-secrets';
import type { VaultPlace } from './vault/place';
import { type AuthSecrets, type RegisteredAuth, registerAuth } from './vault/register-auth';
import { registerMounts } from './vault/register-mounts';
import { registerNamespaces } from './vault/register-namespaces';
import { registerPolicies } from './vault/register-policies';
import { registerServer } from './vault/register-server';

/** Props of a `VaultState`. */
export interface VaultStateArgs {
  /** What the Vault shall hold: written by hand, or made by the recipes. */
  readonly state: VaultStateValue;
  /**
   * Long-lived tokens that ask the API server about the tokens of pods, by path of the Kubernetes auth method, below its
   * namespace: `kubernetes`, `team-a/kubernetes`. Secret Outputs; where the state names a file or a Secret for such a
   * token, this takes its place.
   * @default - none; right for the modes vault-own-token and client-token
   */
  readonly reviewerJwts?: Readonly<Record<string, Input<string>>>;
  /**
   * Roles of AppRole that get a secret id, by path of method and role, below its namespace: `approle/kms-plugin`.
   * @default - none
   */
  readonly secretIdsFor?: readonly string[];
  /**
   * Whether Pulumi refuses to delete namespaces, engines and transit keys: what was encrypted with their keys is lost with
   * them.
   * @default true
   */
  readonly protect?: boolean;
}

/**
 * The desired state of a Vault or OpenBao, as resources of @pulumi/vault.
 *
 * - `provider`, `aliases` and `dependsOn` of the options hold for every resource.
 * - A transit key is deleted only if its own `deletionAllowed` says so too.
 * - Role ids, secret ids and reviewer tokens are secrets in the state of Pulumi.
 *
 * Throws a SchemaError that names every fault of the state, and an Error for a secret that is missing or has no place, before
 * anything is registered; `pulumi preview` shows it.
 */
export class VaultState extends ComponentResource {
  /** Role ids of AppRole by `PATH/ROLE`, secret. */
  readonly roleIds: Readonly<Record<string, Output<string>>>;
  /** Secret ids of the roles in `secretIdsFor`, secret. */
  readonly secretIds: Readonly<Record<string, Output<string>>>;

  constructor(name: string, args: VaultStateArgs, options: ComponentResourceOptions = {}) {
    const state = decodeVaultState(args.state);
    const { reviewerJwts = {}, secretIdsFor = [] } = args;
    checkSecrets(state, { reviewerJwts: Object.keys(reviewerJwts), secretIdsFor });
    super('keyward:index:VaultState', name, {}, options);
    const owner: Owner = { resource: this, name, dependsOn: options.dependsOn };
    const places = registerNamespaces(owner, state, args.protect ?? true);
    const appRoles = places.flatMap((place) => registerPlace(place, { reviewerJwts, secretIdsFor }));
    this.roleIds = Object.fromEntries(appRoles.map(([address, { roleId }]) => [address, roleId]));
    this.secretIds = Object.fromEntries(
      appRoles.flatMap(([address, { secretId }]) => (secretId === undefined ? [] : [[address, secretId]])),
    );
    this.registerOutputs({ roleIds: this.roleIds, secretIds: this.secretIds });
  }
}

function registerPlace(place: VaultPlace, secrets: AuthSecrets): RegisteredAuth['appRoles'] {
  const mounts = registerMounts(place);
  const { methods, accessors, appRoles } = registerAuth(place, secrets);
  registerPolicies(place, accessors);
  registerServer(place, [...mounts, ...methods]);
  return appRoles;
}
