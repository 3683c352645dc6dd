// Encryption of etcd through Pulumi: the files of the control-plane nodes, Vault's side of them, and what the plugin logs in with.
import { ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { ApiServerEncryption } from '../constructs/api-server/api-server-encryption';
import type { ApiServerEncryptionProps } from '../constructs/api-server/api-server-encryption-props';
import type { DistributionSettings } from '../constructs/api-server/distribution-settings';
import type { NodeFile } from '../constructs/api-server/node-file';
import type { ApiServerKmsStateProps } from '../vault';
import { type Manifest, renderManifests } from './manifests';
import { registerManifests } from './register-manifests';
import { appRoles } from './vault/check-secrets';
import { afterVault, registerVaultSide, type VaultSideArgs } from './vault-side';
import type { VaultState } from './vault-state';

/** The side of Vault of an `ApiServerKms`. */
export interface ApiServerKmsVault
  extends Pick<VaultSideArgs, 'protect'>,
    Pick<ApiServerKmsStateProps, 'key' | 'name' | 'owner' | 'tokenPeriod'> {
  /**
   * Whether a role of AppRole gets a secret id, for the plugin to log in with.
   * @default true
   */
  readonly issueSecretId?: boolean;
}

/** Props of an `ApiServerKms`: those of the construct, and the namespace, which no chart gives here. */
export type ApiServerKmsArgs = ApiServerEncryptionProps & {
  /**
   * Namespace of the object that `delivery` asks for.
   * @default kube-system
   */
  readonly namespace?: string;
  /**
   * What Vault needs for it: transit engine and key, policy, auth method, role.
   * @default - nothing: somebody else keeps the Vault
   */
  readonly vaultState?: ApiServerKmsVault;
};

/**
 * The KMS plugin of an API server. Whoever provisions the control-plane nodes takes `files`, and puts `roleId` and `secretId`
 * into the files that `auth` names.
 *
 * Throws what the construct and the recipe throw, before anything is registered; `pulumi preview` shows it.
 */
export class ApiServerKms extends ComponentResource {
  /** Files to be on each control-plane node before its API server starts, in this order. None holds a secret. */
  readonly files: readonly NodeFile[];
  /** What is merged into the distribution's own settings. */
  readonly settings: DistributionSettings;
  /** What is at the Vault, where `vaultState` asks for it. */
  readonly vaultState: VaultState | undefined;
  /** Role id of the plugin, secret; with `vaultState` and the auth method approle. */
  readonly roleId: Output<string> | undefined;
  /** Secret id of the plugin, secret; with `vaultState` and the auth method approle. */
  readonly secretId: Output<string> | undefined;

  constructor(name: string, args: ApiServerKmsArgs, options: ComponentResourceOptions = {}) {
    const { vaultState } = args;
    const { encryption, manifests } = render(name, args);
    const state = vaultState && encryption.vaultState(sideOf(vaultState));
    super('keyward:index:ApiServerKms', name, {}, options);
    const owner = { resource: this, name, dependsOn: options.dependsOn };
    const [role] = state === undefined ? [] : appRoles(state);
    const secretIdsFor = role === undefined || vaultState?.issueSecretId === false ? [] : [role];
    this.vaultState = state && registerVaultSide(owner, state, vaultState ?? {}, secretIdsFor);
    registerManifests(afterVault(owner, this.vaultState), manifests);
    this.files = encryption.files;
    this.settings = encryption.settings;
    this.roleId = role === undefined ? undefined : this.vaultState?.roleIds[role];
    this.secretId = role === undefined ? undefined : this.vaultState?.secretIds[role];
    const { files, settings, roleId, secretId } = this;
    this.registerOutputs({ files, settings, roleId, secretId });
  }
}

interface Rendered {
  readonly encryption: ApiServerEncryption;
  readonly manifests: readonly Manifest[];
}

function render(name: string, { namespace = 'kube-system', vaultState: _, ...props }: ApiServerKmsArgs): Rendered {
  const made: ApiServerEncryption[] = [];
  const manifests = renderManifests({ name, namespace }, (chart) => {
    made.push(new ApiServerEncryption(chart, 'ApiServerEncryption', props as ApiServerEncryptionProps));
  });
  return { encryption: made[0] as ApiServerEncryption, manifests };
}

function sideOf({
  protect: _,
  issueSecretId: _issued,
  ...side
}: ApiServerKmsVault): Omit<ApiServerKmsStateProps, 'kms'> {
  return side;
}
