import { App, Chart } from 'cdk8s';
import { EncryptedStorage, rookRbdSecrets } from '../lib/cdk8s';

const app = new App();
const chart = new Chart(app, 'rook-ceph', { namespace: 'rook-ceph' });

new EncryptedStorage(chart, 'storage', {
  driver: { type: 'keyward', backend: { type: 'rbd', clusters: 'rook' }, snapshots: true },
  kms: {
    vault: { type: 'vault', address: 'https://vault.vault.svc:8200', auth: { method: 'kubernetes', role: 'keyward' } },
  },
  classes: [
    {
      name: 'encrypted-rbd',
      kms: 'vault',
      rbd: { clusterId: 'rook-ceph', pool: 'replicapool', imageFeatures: ['layering', 'exclusive-lock'] },
      secrets: rookRbdSecrets(),
    },
  ],
});

app.synth();
