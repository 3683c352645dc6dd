import { kmsConfig, kmsPlugin } from '../../../../lib/rules/examples/parts';
import { cephCluster, details, login, named, section, tenantSection, testTraps } from '../trap-parts';

testTraps('KW08', [
  [
    'a plain address',
    { objects: [section({ vaultAddress: 'http://vault.example.com:8200' })] },
    'data["config.json"].vault-eu.vaultAddress',
  ],
  [
    'Rook that does not verify',
    { objects: [cephCluster({ ...details, VAULT_SKIP_VERIFY: 'true' })] },
    'spec.security.kms.connectionDetails.VAULT_SKIP_VERIFY',
  ],
  [
    'a CA by path',
    { objects: [cephCluster({ ...details, VAULT_CACERT: '/etc/ca.pem' })] },
    'spec.security.kms.connectionDetails.VAULT_CACERT',
  ],
  [
    'a CA in another namespace',
    { objects: [cephCluster({ ...details, VAULT_CACERT: 'ca' }), named('Secret', 'ca', {}, 'default')] },
    'spec.security.kms.connectionDetails.VAULT_CACERT',
  ],
  [
    'a CA under the key of cert-manager',
    {
      objects: [
        kmsConfig({ t: { ...tenantSection, vaultCAFromSecret: 'ca' } }),
        named('Secret', 'ca', { data: { 'ca.crt': 'eA==' } }),
      ],
    },
    'data["config.json"].t.vaultCAFromSecret',
  ],
  [
    'a KMS plugin that does not verify',
    { objects: [kmsPlugin([...login, '-vault-skip-verify=true'])] },
    'spec.containers[0]',
  ],
]);
