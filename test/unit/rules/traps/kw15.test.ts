import { encryptionConfiguration } from '../../../../lib/rules/examples/parts';
import { named, testTraps, workload } from '../trap-parts';

testTraps('KW15', [
  [
    'tokens in the volume context',
    { objects: [named('CSIDriver', 'csi.example.com', { spec: { tokenRequests: [{ audience: 'vault' }] } }, '')] },
    'spec.serviceAccountTokenInSecrets',
  ],
  [
    'keys in an EncryptionConfiguration',
    { objects: [encryptionConfiguration({ aescbc: { keys: [{ name: 'k', secret: 'c2VjcmV0IGlzIHNlY3VyZQ==' }] } })] },
    'resources[0].providers[0].aescbc',
  ],
  ['a token in an argument', { objects: [workload({ args: ['-token', 'abc'] })] }, 'spec.containers[0]'],
  [
    'a token in a variable',
    { objects: [workload({ env: [{ name: 'VAULT_KMS_TOKEN', value: 'abc' }] })] },
    'spec.containers[0].env[0].value',
  ],
  [
    'a private key in a ConfigMap',
    { objects: [named('ConfigMap', 'c', { data: { a: '-----BEGIN EC PRIVATE KEY-----\nx' } })] },
    'data.a',
  ],
  [
    'a Secret that an ExternalSecret writes, too',
    { objects: [named('Secret', 's', { data: { a: 'eA==' } }), named('ExternalSecret', 's', { spec: {} })] },
    'metadata.name',
  ],
  ['a Secret that Rook keeps', { objects: [named('Secret', 'rook-ceph-mon', {}, 'rook-ceph')] }, 'metadata.name'],
]);
