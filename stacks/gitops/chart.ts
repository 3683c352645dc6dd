// One chart: the namespace and the storage in it.
import { Chart, JsonPatch } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { EncryptedStorage, type EncryptedStorageProps } from '../../lib/cdk8s';

/** The manifests that a GitOps controller applies. */
export class GitopsChart<const Id extends string> extends Chart {
  readonly storage: EncryptedStorage<Id>;

  constructor(scope: Construct, id: string, namespace: string, props: EncryptedStorageProps<Id>) {
    super(scope, id, { namespace, disableResourceNameHashes: true });
    const metadata = { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } };
    const object = new k8s.KubeNamespace(this, 'Namespace', { metadata });
    object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
    this.storage = new EncryptedStorage(this, 'Storage', props);
  }
}
