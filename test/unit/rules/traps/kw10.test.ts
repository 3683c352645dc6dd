import { cephClass, kmsConfig, state } from '../../../../lib/rules/examples/parts';
import { named, section, testTraps, transit } from '../trap-parts';

testTraps('KW10', [
  [
    'a class that goes while a claim uses it',
    {
      objects: [named('PersistentVolumeClaim', 'data', { spec: { storageClassName: 'rbd-luks' } })],
      previous: [cephClass()],
    },
    'metadata.name',
  ],
  [
    'a section that goes while a class uses it',
    {
      objects: [cephClass(), named('ConfigMap', 'ceph-csi-encryption-kms-config', { data: { 'config.json': '{}' } })],
      previous: [cephClass(), kmsConfig()],
    },
    'data["config.json"].vault-eu',
  ],
  [
    'a transit key that goes',
    { objects: [], vault: { owner: 'p', namespaces: {} }, previousVault: transit({}) },
    'namespaces[""].mounts["transit"].keys["kms"]',
  ],
  [
    'a mount that becomes another engine',
    {
      objects: [section({ vaultBackend: 'kv' })],
      vault: state({
        mounts: { storage: { type: 'kv', version: 1 } },
        policies: { 'ceph-csi': { rules: [{ path: 'storage/*', capabilities: ['read'] }] } },
      }),
      previousVault: state(),
    },
    'data["config.json"].vault-eu',
  ],
]);
