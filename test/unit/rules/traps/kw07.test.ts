import { details, objectStore, section, testTraps } from '../trap-parts';

testTraps('KW07', [
  [
    'the version in the words of Rook',
    { objects: [section({ vaultBackend: 'v2' })] },
    'data["config.json"].vault-eu.vaultBackend',
  ],
  [
    'a namespace before auth/',
    { objects: [section({ vaultAuthPath: '/v1/team-a/auth/kubernetes/login' })] },
    'data["config.json"].vault-eu.vaultAuthPath',
  ],
  [
    'the namespace in the mount path',
    { objects: [section({ vaultNamespace: 'apps', vaultBackendPath: 'apps/storage' })] },
    'data["config.json"].vault-eu',
  ],
  [
    'a version that an object store cannot use',
    {
      objects: [
        objectStore({ kms: { connectionDetails: { ...details, VAULT_BACKEND: 'kv-v2', VAULT_SECRET_ENGINE: 'kv' } } }),
      ],
    },
    'spec.security.kms.connectionDetails.VAULT_BACKEND',
  ],
]);
