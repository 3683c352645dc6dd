// `pulumi up` runs this: Pulumi calls the exported function, and what it returns are the outputs of the stack.
import { core } from '@pulumi/kubernetes';
import { Config } from '@pulumi/pulumi';
import { ApiServerKms, EncryptedStorage } from '../../lib/pulumi';
import { readValues } from './values';

/** Declares the namespace, the CA of Vault where it needs one, the storage, and what encrypts etcd where it is asked for. */
function platform() {
  const { protect, vaultCa, storage, apiServer } = readValues(new Config());
  const etcd = apiServer && new ApiServerKms('etcd', apiServer.args, { protect: apiServer.protect });
  const namespace = new core.v1.Namespace(
    storage.namespace,
    { metadata: { name: storage.namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
    { protect },
  );
  const ca =
    vaultCa &&
    new core.v1.Secret(
      vaultCa.secret,
      { metadata: { name: vaultCa.secret, namespace: storage.namespace }, stringData: { [vaultCa.key]: vaultCa.pem } },
      { protect, dependsOn: namespace },
    );
  const { driverName, storageClassNames } = new EncryptedStorage('storage', storage, {
    protect,
    dependsOn: ca ? [namespace, ca] : namespace,
  });
  if (etcd === undefined) return { driverName, storageClassNames };
  const { files, settings: apiServerSettings, roleId, secretId } = etcd;
  const nodeFiles = [...(apiServer?.files ?? []), ...files];
  return { driverName, storageClassNames, nodeFiles, apiServerSettings, roleId, secretId };
}

export = platform;
