import { requireOwnTenant } from '../../../runtime/volume/own-tenant';

const keyLocation = {
  address: 'https://vault.vault.svc:8200',
  namespace: '',
  mountPath: 'tenants',
  kvVersion: 2,
  key: 'billing/pvc-1',
} as const;
const owned = { owner: 'billing', keyLocation };

describe('a volume with a key of a tenant', () => {
  test('R14: refuses a Pod of another namespace, in one line with a remedy', () => {
    const refused = expect(() => requireOwnTenant('pvc-1', owned, 'shop'));
    refused.toThrow(expect.objectContaining({ code: 'VOLUME_FOREIGN' }));
    refused.toThrow(/tenant billing, and the Pod is of the namespace shop/);
  });

  test('serves Pods of its tenant', () => {
    expect(() => requireOwnTenant('pvc-1', owned, 'billing')).not.toThrow();
  });

  test('serves a caller that names no Pod, as a kubelet does that was not asked to', () => {
    expect(() => requireOwnTenant('pvc-1', owned, undefined)).not.toThrow();
  });

  test('is another thing than one whose key belongs to no tenant: its claim may have moved', () => {
    expect(() => requireOwnTenant('pvc-1', { owner: 'billing' }, 'shop')).not.toThrow();
  });
});
