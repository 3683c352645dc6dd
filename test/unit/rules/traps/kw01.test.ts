import { encryptionConfiguration, kmsProvider } from '../../../../lib/rules/examples/parts';
import { cephCluster, details, named, parameters, section, testTraps } from '../trap-parts';

testTraps('KW01', [
  ['a boolean that is no text', { objects: [parameters({ encrypted: true })] }, 'parameters.encrypted'],
  ['a KMS without encrypted', { objects: [parameters({ encrypted: 'false' })] }, 'parameters.encrypted'],
  ['a misspelt parameter', { objects: [parameters({ encryptionKmsId: 'x' })] }, 'parameters.encryptionKmsId'],
  [
    'a key size without a cipher',
    { objects: [parameters({ encryptionKeySize: '512' })] },
    'parameters.encryptionKeySize',
  ],
  [
    'a JSON boolean in a section',
    { objects: [section({ vaultCAVerify: true })] },
    'data["config.json"].vault-eu.vaultCAVerify',
  ],
  [
    'vaultDestroyKeys in other letters',
    { objects: [section({ vaultDestroyKeys: 'True' })] },
    'data["config.json"].vault-eu.vaultDestroyKeys',
  ],
  [
    'a device set that is not encrypted',
    { objects: [cephCluster(details, { storage: { storageClassDeviceSets: [{ name: 'a' }] } })] },
    'spec.storage.storageClassDeviceSets[0].encrypted',
  ],
  [
    'a KMS for host OSDs',
    { objects: [cephCluster(details, { storage: { useAllNodes: true } })] },
    'spec.security.kms.connectionDetails',
  ],
  [
    'Rook that does not mount the KMS ConfigMap',
    {
      objects: [
        named('ConfigMap', 'rook-ceph-csi-kms-config', { data: { 'config.json': '{}' } }),
        named('ConfigMap', 'rook-ceph-operator-config', { data: {} }),
      ],
    },
    'data.CSI_ENABLE_ENCRYPTION',
  ],
  [
    'identity as the first provider',
    { objects: [encryptionConfiguration({ identity: {} }, kmsProvider)] },
    'resources[0].providers[0]',
  ],
]);
