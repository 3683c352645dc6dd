import { kmsConfig, state } from '../../../../lib/rules/examples/parts';
import { section, testTraps } from '../trap-parts';

testTraps('KW03', [
  [
    'data/ in the mount path',
    { objects: [section({ vaultBackendPath: 'storage/data' })] },
    'data["config.json"].vault-eu.vaultBackendPath',
  ],
  [
    'data/ in the prefix',
    { objects: [section({ vaultPassphrasePath: 'data/csi' })] },
    'data["config.json"].vault-eu.vaultPassphrasePath',
  ],
  [
    'a mount of another version',
    {
      objects: [kmsConfig()],
      vault: state({
        mounts: { storage: { type: 'kv', version: 1 } },
        policies: { 'ceph-csi': { rules: [{ path: 'storage/*', capabilities: ['read'] }] } },
      }),
    },
    'data["config.json"].vault-eu',
  ],
  [
    'a misspelt mount',
    { objects: [kmsConfig()], vault: state({ mounts: { storag: { type: 'kv', version: 2 } } }) },
    'data["config.json"].vault-eu',
  ],
  [
    'a policy of version 2 for a mount of version 1',
    { objects: [], vault: state({ mounts: { storage: { type: 'kv', version: 1 } } }) },
    'namespaces[""].policies["ceph-csi"].rules[0].path',
  ],
]);
