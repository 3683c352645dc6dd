import { App, Chart } from 'cdk8s';
import { EncryptedStorage } from '../lib/cdk8s';

const app = new App();
const chart = new Chart(app, 'external-ceph', { namespace: 'keyward-system' });
const clusters = [{ clusterId: 'prod-a', monitors: ['10.0.0.11:6789', '10.0.0.12:6789'] }];

new EncryptedStorage(chart, 'storage', {
  driver: { type: 'keyward', backend: { type: 'rbd', clusters } },
  kms: {
    vault: { type: 'vault', address: 'https://vault.vault.svc:8200', auth: { method: 'kubernetes', role: 'keyward' } },
  },
  classes: [
    {
      name: 'encrypted-rbd',
      kms: 'vault',
      rbd: { clusterId: 'prod-a', pool: 'kube', dataPool: 'kube-ec' },
      secrets: { name: 'ceph-user' },
    },
  ],
});

app.synth();
