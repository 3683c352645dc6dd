// One chart: the namespace and the storage in it, each object with its place in the order.
import { Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { annotateSyncWaves, EncryptedStorage, type EncryptedStorageProps } from '../../lib/cdk8s';
import { kept } from './delivery';

/** The manifests that a GitOps controller applies. */
export class GitopsChart<const Id extends string> extends Chart {
  readonly storage: EncryptedStorage<Id>;

  constructor(scope: Construct, id: string, namespace: string, props: EncryptedStorageProps<Id>) {
    super(scope, id, { disableResourceNameHashes: true });
    // Secrets that nobody declares lie in it: it is not pruned with what does.
    const annotations = { ...kept };
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
    new k8s.KubeNamespace(this, 'Namespace', { metadata: { name: namespace, labels, annotations } });
    this.storage = new EncryptedStorage(this, 'Storage', { ...props, namespace });
    annotateSyncWaves(this);
  }
}
