// The KMS of Rook's encrypted OSDs through Pulumi: the block of the CephCluster, and Vault's side of it.
import { ComponentResource, type ComponentResourceOptions } from '@pulumi/pulumi';
import { propError } from '../constructs/prop-error';
import { RookKms as RookKmsConstruct, type RookKmsProps, type RookSecurityBlock } from '../constructs/rook/rook-kms';
import { type RookOsdProps, rookOsdState, type VaultState as VaultStateValue } from '../vault';
import { renderManifests } from './manifests';
import { recipeLogin, registerVaultSide, type VaultSideArgs } from './vault-side';
import type { VaultState } from './vault-state';

/** The side of Vault of a `RookKms`. */
export interface RookKmsVault extends VaultSideArgs, Pick<RookOsdProps, 'audience' | 'mount' | 'name' | 'owner'> {}

/** Props of a `RookKms`: those of the construct, but for the patch: Pulumi would delete the cluster with it. */
export interface RookKmsArgs extends Omit<RookKmsProps, 'patchCluster'> {
  /** Namespace of the Ceph cluster, where its Secrets are. */
  readonly namespace: string;
  /**
   * What Vault needs for it: engine, policy, role.
   * @default - nothing: somebody else keeps the Vault
   */
  readonly vaultState?: RookKmsVault;
}

/**
 * The KMS of a CephCluster. Put `securityBlock` into `spec.security` of the cluster, and name this component in its
 * `dependsOn`: Rook tries the KMS at once.
 *
 * Throws what the construct and the recipe throw, before anything is registered; `pulumi preview` shows it.
 */
export class RookKms extends ComponentResource {
  /** What goes into `spec.security` of the CephCluster. */
  readonly securityBlock: RookSecurityBlock;
  /** What is at the Vault, where `vaultState` asks for it. */
  readonly vaultState: VaultState | undefined;

  constructor(name: string, { vaultState, ...props }: RookKmsArgs, options: ComponentResourceOptions = {}) {
    const securityBlock = render(name, props);
    const state = vaultState && stateFor(securityBlock, props, vaultState);
    super('keyward:index:RookKms', name, {}, options);
    const owner = { resource: this, name, dependsOn: options.dependsOn };
    this.securityBlock = securityBlock;
    this.vaultState = state && registerVaultSide(owner, state, vaultState ?? {});
    this.registerOutputs({ securityBlock });
  }
}

function render(name: string, props: RookKmsArgs): RookSecurityBlock {
  const rendered: RookSecurityBlock[] = [];
  renderManifests({ name, namespace: props.namespace }, (chart) => {
    rendered.push(new RookKmsConstruct(chart, 'RookKms', props).securityBlock);
  });
  return rendered[0] as RookSecurityBlock;
}

function stateFor(
  { kms }: RookSecurityBlock,
  { kms: { provider }, namespace }: RookKmsArgs,
  { protect: _, login, ...side }: RookKmsVault,
): VaultStateValue {
  if (provider === 'vault') return rookOsdState({ ...side, login: recipeLogin(login), kms, namespace });
  throw propError({
    prop: 'RookKms.vaultState',
    got: `a state, with the provider ${provider}`,
    allowed: 'nothing, or the provider vault',
    remedy: 'Leave it out',
  });
}
