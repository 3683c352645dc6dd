import { kmsConfig } from '../../../../lib/rules/examples/parts';
import { auth, named, role, tenantSection, testTraps } from '../trap-parts';

testTraps('KW06', [
  [
    'the old issuer',
    { objects: [], vault: auth({ issuer: 'kubernetes/serviceaccount' }) },
    'namespaces[""].auth["kubernetes"].config.issuer',
  ],
  [
    'the reviewer token of a pod',
    {
      objects: [],
      vault: auth({
        reviewer: {
          mode: 'reviewer-token',
          tokenReviewerJwt: { file: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
        },
      }),
    },
    'namespaces[""].auth["kubernetes"].config.reviewer.tokenReviewerJwt',
  ],
  [
    'a token Secret that nobody fills',
    { objects: [named('Secret', 'reviewer', { type: 'kubernetes.io/service-account-token' })] },
    'metadata.annotations["kubernetes.io/service-account.name"]',
  ],
  [
    'another audience',
    {
      objects: [kmsConfig({ t: { ...tenantSection, tenantSAAudience: 'vault' } })],
      vault: role({ audience: 'volt', tokenPolicies: [] }),
    },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"].audience',
  ],
]);
