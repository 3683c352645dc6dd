import { App, Chart, Size } from 'cdk8s';
import { EncryptedStorage } from '../lib/cdk8s';

const app = new App();
const chart = new Chart(app, 'storage', { namespace: 'keyward-system' });

new EncryptedStorage(chart, 'storage', {
  driver: { type: 'keyward', backend: { type: 'loop', capacity: Size.gibibytes(100) } },
  kms: {
    vault: { type: 'vault', address: 'https://vault.vault.svc:8200', auth: { method: 'kubernetes', role: 'keyward' } },
    passphrase: { type: 'metadata' },
  },
  classes: [
    { name: 'encrypted', kms: 'vault' },
    { name: 'encrypted-offline', kms: 'passphrase', secrets: { name: 'storage-passphrase' } },
  ],
});

app.synth();
