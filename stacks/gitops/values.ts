// What this cluster is to have. The only file to edit.
import { Size } from 'cdk8s';
import type { EncryptedStorageProps } from '../../lib/cdk8s';
import type { Delivery } from './delivery';
import type { ApiServerProps } from './nodes';

export const namespace = 'keyward-system';

export const storage: EncryptedStorageProps<'passphrase' | 'tenants'> = {
  driver: {
    type: 'keyward',
    backend: { type: 'loop', directory: '/var/lib/keyward', capacity: Size.gibibytes(100) },
    snapshots: true,
  },
  kms: {
    passphrase: { type: 'metadata' },
    tenants: {
      type: 'vaulttenantsa',
      address: 'https://vault.vault.svc:8200',
      backend: 'kv-v2',
      backendPath: 'tenants',
      tenantPrefix: true,
      tenantSAName: 'volume-keys',
      audience: 'vault',
      tls: { caFromSecret: 'vault-ca' },
    },
  },
  tenants: ['billing', 'shop'],
  classes: [
    { name: 'encrypted', kms: 'passphrase', secrets: { name: 'storage-passphrase' } },
    { name: 'encrypted-tenant', kms: 'tenants' },
  ],
  vaultState: {
    job: {
      server: { ca: { secret: 'vault-ca', key: 'cert' } },
      login: { method: 'kubernetes', mount: 'bootstrap', role: 'keyward-apply', audience: 'vault' },
    },
  },
};

/**
 * Encryption of the API server's Secrets, as docs/gitops.md shows it. None here: a managed control plane takes no files, and an
 * API server cannot wait for a Vault that runs in its own cluster, as the one above does.
 */
export const apiServer: ApiServerProps | undefined = undefined;

/** Who applies it. Leave out the controller that is not yours. */
export const delivery: Delivery = {
  path: 'dist/gitops',
  argoCd: { repository: 'https://git.example.com/platform/storage.git', revision: 'main' },
  flux: { source: 'flux-system' },
};
