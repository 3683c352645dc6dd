import { kmsConfig, state } from '../../../../lib/rules/examples/parts';
import {
  cephCluster,
  details,
  named,
  ownRbd,
  parameters,
  role,
  section,
  tenantSection,
  testTraps,
} from '../trap-parts';

testTraps('KW04', [
  [
    'a KMS id without a section',
    { objects: [parameters({ encryptionKMSID: 'vault-ue' }), kmsConfig()] },
    'parameters.encryptionKMSID',
  ],
  ['a key that ceph-csi skips', { objects: [section({ vaultRoel: 'x' })] }, 'data["config.json"].vault-eu.vaultRoel'],
  [
    'a ConfigMap that is no JSON',
    { objects: [named('ConfigMap', 'ceph-csi-encryption-kms-config', { data: { 'config.json': '{' } })] },
    'data["config.json"]',
  ],
  [
    'a role that does not exist',
    { objects: [section({ vaultRole: 'ceph-cis' })], vault: state() },
    'data["config.json"].vault-eu',
  ],
  [
    'an auth mount that does not exist',
    { objects: [section({ vaultAuthPath: '/v1/auth/kubernetse/login' })], vault: state() },
    'data["config.json"].vault-eu',
  ],
  [
    'a field of the state that is misspelt',
    { objects: [], vault: role({ tokenTTL: 60 }) },
    'namespaces..auth.kubernetes.roles.ceph-csi.tokenTTL',
  ],
  [
    'a key that a tenant cannot set',
    {
      objects: [
        kmsConfig({ t: tenantSection }),
        named('ConfigMap', 'ceph-csi-kms-config', { data: { tenantTokenName: 'x' } }, 'shop'),
      ],
    },
    'data.tenantTokenName',
  ],
  [
    'a key that Rook does not read',
    { objects: [cephCluster({ ...details, VAULT_BACKEND_PAHT: 'x' })] },
    'spec.security.kms.connectionDetails.VAULT_BACKEND_PAHT',
  ],
  [
    'a key with which csi-addons does not start',
    { objects: [named('ConfigMap', 'csi-addons-config', { data: { 'schedule-precedance': 'pvc' } })] },
    'data.schedule-precedance',
  ],
  [
    'a cluster that the driver of keyward does not know',
    { objects: ownRbd({ change: { clusterID: 'prod-b' } }) },
    'parameters.clusterID',
  ],
  [
    'a list of clusters that no driver could read',
    { objects: ownRbd({ clusters: '[{"clusterID":"prod-a","monitors":"10.0.0.11:6789"}]' }) },
    'data.clusters',
  ],
  [
    'a cluster that ceph-csi does not know',
    {
      objects: [
        parameters({ clusterID: 'prod-b' }),
        named('ConfigMap', 'ceph-csi-config', {
          data: { 'config.json': '[{"clusterID":"prod-a","monitors":["a:1"]}]' },
        }),
      ],
    },
    'parameters.clusterID',
  ],
]);
