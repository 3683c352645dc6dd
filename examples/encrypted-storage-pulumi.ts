import { Size } from 'cdk8s';
import { EncryptedStorage } from '../lib/pulumi';

export const storage = new EncryptedStorage(
  'storage',
  {
    namespace: 'keyward-system',
    driver: { type: 'keyward', backend: { type: 'loop', capacity: Size.gibibytes(100) } },
    kms: {
      vault: {
        type: 'vault',
        address: 'https://vault.vault.svc:8200',
        auth: { method: 'kubernetes', role: 'keyward' },
      },
      passphrase: { type: 'metadata' },
    },
    classes: [
      { name: 'encrypted', kms: 'vault' },
      { name: 'encrypted-offline', kms: 'passphrase', secrets: { name: 'storage-passphrase' } },
    ],
  },
  { protect: true },
);
