// Encrypted storage through Pulumi: the constructs declare it, this component registers what they declared.
import { all, ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import {
  EncryptedStorage as EncryptedStorageConstruct,
  type EncryptedStorageProps,
} from '../constructs/encrypted-storage';
import type { KubernetesObject } from './kubernetes-object';
import { renderManifests } from './manifests';
import { registerManifests } from './register-manifests';

/** Props of an `EncryptedStorage`: those of the construct, and the namespace, which no chart gives here. */
export interface EncryptedStorageArgs<Id extends string> extends EncryptedStorageProps<Id> {
  /**
   * Namespace of the driver, its configuration and the Secrets whose reference does not say another. It must exist and
   * let privileged pods run; if the same program makes it, name it in `dependsOn`.
   */
  readonly namespace: string;
}

/**
 * Encrypted storage for a cluster, as Pulumi resources.
 *
 * - `provider`, `protect`, `aliases` and `dependsOn` of the options hold for every object.
 * - A StorageClass cannot be changed: Pulumi deletes it and makes it anew. Volumes keep what they were made with.
 * - The provider replaces a ConfigMap on each change, unless its `enableConfigMapMutable` is set.
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

  constructor(name: string, args: EncryptedStorageArgs<Id>, options: ComponentResourceOptions = {}) {
    const manifests = renderManifests({ name, namespace: args.namespace }, (chart) => {
      new EncryptedStorageConstruct(chart, 'EncryptedStorage', args);
    });
    super('keyward:index:EncryptedStorage', name, {}, options);
    const objects = registerManifests({ resource: this, name, dependsOn: options.dependsOn }, manifests);
    this.driverName = namesOf(objects, 'CSIDriver').apply(([driverName = '']) => driverName);
    this.storageClassNames = namesOf(objects, 'StorageClass');
    this.configMapNames = namesOf(objects, 'ConfigMap');
    const { driverName, storageClassNames, configMapNames } = this;
    this.registerOutputs({ driverName, storageClassNames, configMapNames });
  }
}

function namesOf(objects: readonly KubernetesObject[], kind: string): Output<string[]> {
  return all(objects.filter(({ manifest }) => manifest.kind === kind).map(({ metadata }) => metadata.name));
}
