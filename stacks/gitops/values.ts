// What this cluster is to have. The only file to edit.
import { Size } from 'cdk8s';
import type { EncryptedStorageProps } from '../../lib/cdk8s';

export const namespace = 'keyward-system';

export const storage: EncryptedStorageProps<'passphrase' | 'vault'> = {
  driver: {
    type: 'keyward',
    backend: { type: 'loop', directory: '/var/lib/keyward', capacity: Size.gibibytes(100) },
    snapshots: true,
  },
  kms: {
    passphrase: { type: 'metadata' },
    vault: {
      type: 'vault',
      address: 'https://vault.vault.svc:8200',
      backendPath: 'keyward',
      auth: { method: 'kubernetes', role: 'keyward' },
    },
  },
  classes: [
    { name: 'encrypted', kms: 'passphrase', secrets: { name: 'storage-passphrase' } },
    { name: 'encrypted-vault', kms: 'vault' },
  ],
};
