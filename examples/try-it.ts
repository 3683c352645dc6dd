import { readFileSync } from 'node:fs';
import { App, Chart, Size } from 'cdk8s';
import { EncryptedStorage } from '../lib/cdk8s';

const app = new App();
const chart = new Chart(app, 'keyward', { namespace: 'keyward-system' });

new EncryptedStorage(chart, 'storage', {
  driver: { type: 'keyward', backend: { type: 'loop', capacity: Size.gibibytes(2) }, snapshots: true, admin: true },
  kms: {
    tenants: {
      type: 'vaulttenantsa',
      address: 'https://vault.vault.svc:8200',
      backend: 'kv-v2',
      backendPath: 'tenants',
      tenantPrefix: true,
      tls: { caFromSecret: 'vault-ca' },
    },
  },
  tenants: ['billing', 'shop'],
  classes: [{ name: 'encrypted', kms: 'tenants' }],
  vaultState: {
    // OpenBao is outside of the cluster: it asks the API server with the very token that logs in.
    login: {
      kubernetesHost: 'https://kubernetes.default.svc',
      kubernetesCaCert: readFileSync(process.env.VAULT_CACERT ?? 'ca.crt', 'utf8'),
      reviewer: { mode: 'client-token' },
    },
    job: {
      server: { ca: { secret: 'vault-ca', key: 'cert' } },
      login: { method: 'token', secret: { name: 'vault-bootstrap' } },
    },
  },
});

app.synth();
