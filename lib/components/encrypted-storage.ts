// Encrypted storage through Pulumi: the constructs declare it, this component registers what they declared.
import { all, ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import {
  EncryptedStorage as EncryptedStorageConstruct,
  type EncryptedStorageProps,
} from '../constructs/encrypted-storage';
import { propError } from '../constructs/prop-error';
import { labelName } from '../schema/names';
import type { DriverVaultProps, VaultState as VaultStateValue } from '../vault';
import type { KubernetesObject } from './kubernetes-object';
import { type Manifest, renderManifests } from './manifests';
import { registerManifests } from './register-manifests';
import { afterVault, recipeLogin, registerVaultSide, type VaultSideArgs } from './vault-side';
import type { VaultState } from './vault-state';

/** Props of an `EncryptedStorage`: those of the construct, and the namespace, which no chart gives here. */
export interface EncryptedStorageArgs<Id extends string> extends Omit<EncryptedStorageProps<Id>, 'vaultState'> {
  /**
   * Namespace of the driver, its configuration and the Secrets whose reference does not say another. It must exist and
   * let privileged pods run; if the same program makes it, name it in `dependsOn`.
   */
  readonly namespace: string;
  /**
   * What the Vault of the KMSs needs for them: engines, policies, auth methods, roles. It is there before the driver.
   * @default - nothing: somebody else keeps the Vault
   */
  readonly vaultState?: EncryptedStorageVault;
}

/** The side of Vault of an `EncryptedStorage`: one Vault for all its KMSs. */
export interface EncryptedStorageVault
  extends VaultSideArgs,
    Pick<DriverVaultProps, 'mount' | 'transitKey' | 'rotatesTransitKeys' | 'sharedKeys' | 'owner'> {}

/**
 * Encrypted storage for a cluster, as Pulumi resources.
 *
 * - `provider`, `protect`, `aliases` and `dependsOn` of the options hold for every object.
 * - A StorageClass cannot be changed: Pulumi deletes it and makes it anew. Volumes keep what they were made with.
 * - The provider replaces a ConfigMap on each change, unless its `enableConfigMapMutable` is set.
 * - Engines and transit keys of `vaultState` are protected from deletion, unless it says otherwise.
 *
 * Throws what the construct throws, before anything is registered; `pulumi preview` shows it.
 */
export class EncryptedStorage<const Id extends string> extends ComponentResource {
  /** Name of the CSI driver. */
  readonly driverName: Output<string>;
  /** Names of the StorageClasses, as declared. A claim that uses one waits for it. */
  readonly storageClassNames: Output<string[]>;
  /** Names of the ConfigMaps: the KMS configuration, then the driver's. */
  readonly configMapNames: Output<string[]>;
  /** What is at the Vault, where `vaultState` asks for it. */
  readonly vaultState: VaultState | undefined;

  constructor(name: string, args: EncryptedStorageArgs<Id>, options: ComponentResourceOptions = {}) {
    refuseNoNamespace(name, args.namespace);
    const { manifests, state } = render(name, args);
    super('keyward:index:EncryptedStorage', name, {}, options);
    const owner = { resource: this, name, dependsOn: options.dependsOn };
    this.vaultState = state && registerVaultSide(owner, state, args.vaultState ?? {});
    const objects = registerManifests(afterVault(owner, this.vaultState), manifests);
    this.driverName = namesOf(objects, 'CSIDriver').apply(([driverName = '']) => driverName);
    this.storageClassNames = namesOf(objects, 'StorageClass');
    this.configMapNames = namesOf(objects, 'ConfigMap');
    const { driverName, storageClassNames, configMapNames } = this;
    this.registerOutputs({ driverName, storageClassNames, configMapNames });
  }
}

/** A name is all that can be checked here; whether it lets privileged pods run, the API server says. */
function refuseNoNamespace(name: string, namespace: string): void {
  if (labelName.safeParse(namespace).success) return;
  throw propError({
    prop: `${name}.namespace`,
    got: JSON.stringify(namespace) ?? 'nothing',
    allowed: 'the name of a namespace: lower-case letters, digits and "-", at most 63',
    remedy: 'Name the namespace of the driver',
  });
}

interface Rendered {
  readonly manifests: readonly Manifest[];
  readonly state: VaultStateValue | undefined;
}

function render<Id extends string>(name: string, args: EncryptedStorageArgs<Id>): Rendered {
  const { vaultState, ...props } = args;
  const { protect: _, login, ...side } = vaultState ?? {};
  const made: EncryptedStorageConstruct<Id>[] = [];
  const manifests = renderManifests({ name, namespace: args.namespace }, (chart) => {
    const withVault = vaultState && { vaultState: { ...side, login: recipeLogin(login) } };
    made.push(new EncryptedStorageConstruct<Id>(chart, 'EncryptedStorage', { ...props, ...withVault }));
  });
  return { manifests, state: made[0]?.vaultState };
}

function namesOf(objects: readonly KubernetesObject[], kind: string): Output<string[]> {
  return all(objects.filter(({ manifest }) => manifest.kind === kind).map(({ metadata }) => metadata.name));
}
