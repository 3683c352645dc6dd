// `pulumi up` runs this: Pulumi calls the exported function, and what it returns are the outputs of the stack.
import { core } from '@pulumi/kubernetes';
import { Config } from '@pulumi/pulumi';
import { EncryptedStorage } from '../../lib/pulumi';
import { readValues } from './values';

/** Declares the namespace and the storage in it. */
function platform() {
  const { protect, storage } = readValues(new Config());
  const namespace = new core.v1.Namespace(
    storage.namespace,
    { metadata: { name: storage.namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
    { protect },
  );
  const { driverName, storageClassNames } = new EncryptedStorage('storage', storage, {
    protect,
    dependsOn: namespace,
  });
  return { driverName, storageClassNames };
}

export = platform;
