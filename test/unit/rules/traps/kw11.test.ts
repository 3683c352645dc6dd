import { state } from '../../../../lib/rules/examples/parts';
import { role, testTraps } from '../trap-parts';

testTraps('KW11', [
  [
    'a role without an end',
    { objects: [], vault: role({ tokenTtl: 0 }) },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"]',
  ],
  [
    'batch tokens with a period',
    { objects: [], vault: role({ tokenPeriod: 60 }) },
    'namespaces[""].auth["kubernetes"].roles["ceph-csi"].tokenPeriod',
  ],
  [
    'a token that ends with its parent',
    { objects: [], vault: state({ auth: { token: { type: 'token', roles: { api: { tokenPeriod: 60 } } } } }) },
    'namespaces[""].auth["token"].roles["api"].orphan',
  ],
]);
