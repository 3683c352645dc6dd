import { kmsConfig } from '../../../../lib/rules/examples/parts';
import { cephCluster, details, named, role, tenantSection, testTraps } from '../trap-parts';

testTraps('KW05', [
  [
    'a role for everybody',
    { objects: [], vault: role({ boundServiceAccountNames: ['*'], boundServiceAccountNamespaces: ['*'] }) },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"]',
  ],
  [
    'one of two known accounts',
    { objects: [kmsConfig()], vault: role({ boundServiceAccountNames: ['rbd-csi-nodeplugin'] }) },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"].boundServiceAccountNames',
  ],
  [
    'a tenant that the role misses',
    {
      objects: [kmsConfig({ t: tenantSection }), named('ServiceAccount', 'ceph-csi-vault-sa', {}, 'shop')],
      vault: role({
        boundServiceAccountNames: ['ceph-csi-vault-sa'],
        boundServiceAccountNamespaces: ['billing'],
        tokenPolicies: [],
      }),
    },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"].boundServiceAccountNamespaces',
  ],
  [
    'Rook without its OSDs',
    {
      objects: [cephCluster({ ...details, VAULT_AUTH_METHOD: 'kubernetes', VAULT_AUTH_KUBERNETES_ROLE: 'ceph-csi' })],
      vault: role({
        boundServiceAccountNames: ['rook-ceph-system'],
        boundServiceAccountNamespaces: ['rook-ceph'],
        tokenPolicies: [],
      }),
    },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"].boundServiceAccountNames',
  ],
]);
