import { Chart, Testing } from 'cdk8s';
import { CephCsiEncryptedStorage, type CephCsiEncryptedStorageProps } from '../../../../lib/cdk8s';
import { renderManifests } from '../../../../lib/components/manifests';
import { only, synthesised } from '../synthesised';

type Id = 'tenants' | 'hsm';
type Props = CephCsiEncryptedStorageProps<Id>;

function declare(chart: Chart, props: Partial<Props> = {}): void {
  new CephCsiEncryptedStorage<Id>(chart, 'storage', {
    deployment: 'rook',
    cluster: { clusterId: 'rook-ceph', secrets: { name: 'ceph-user' } },
    kms: { tenants: { type: 'vaulttenantsa', address: 'https://vault' }, hsm: { type: 'kmip', endpoint: 'kmip:5696' } },
    tenants: [{ namespace: 'shop', kms: 'tenants' }],
    classes: [{ name: 'encrypted', kms: 'tenants', pool: 'kube', keyRotation: '@weekly' }],
    snapshots: true,
    ...props,
  });
}

function synth(props: Partial<Props> = {}) {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'rook-ceph' });
  declare(chart, props);
  return synthesised(chart);
}

describe('CephCsiEncryptedStorage', () => {
  test('R3: the whole of it, with the names of the deployment', () => {
    const manifests = synth();
    expect(manifests).toMatchSnapshot();
    expect(only(manifests, 'StorageClass')).toMatchObject({ provisioner: 'rook-ceph.rbd.csi.ceph.com' });
    expect(only(manifests, 'ConfigMap').metadata).toEqual({ name: 'rook-ceph-csi-kms-config', namespace: 'rook-ceph' });
  });

  test('R3: Pulumi registers the same objects', () => {
    expect(renderManifests({ name: 'test', namespace: 'rook-ceph' }, (chart) => declare(chart))).toEqual(synth());
  });

  test('of manifests: their driver and accounts', () => {
    const manifests = synth({ deployment: 'manifests', namespace: 'ceph-csi' });
    expect(only(manifests, 'StorageClass')).toMatchObject({ provisioner: 'rbd.csi.ceph.com' });
    const [binding] = manifests.filter(({ kind }) => kind === 'RoleBinding');
    expect(binding?.subjects).toMatchObject([{ name: 'rbd-csi-provisioner' }, { name: 'rbd-csi-nodeplugin' }]);
  });

  test('trap 5: an account that a tenant has under another name is the one whose tokens may be requested', () => {
    const manifests = synth({ tenants: [{ namespace: 'shop', kms: 'tenants', overrides: { tenantSAName: 'keys' } }] });
    expect(only(manifests, 'ServiceAccount').metadata.name).toBe('keys');
    const [role] = manifests.filter(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'shop');
    expect(role?.rules).toContainEqual({
      apiGroups: [''],
      resources: ['serviceaccounts/token'],
      verbs: ['create'],
      resourceNames: expect.arrayContaining(['keys']),
    });
  });

  test('trap 5: refuses a KMS of tenants without any, and an operator whose accounts nobody said', () => {
    expect(() => synth({ tenants: [] })).toThrow('storage/Access.tenants: got none');
    expect(() => synth({ deployment: 'operator' })).toThrow('test/storage.serviceAccounts: got nothing');
  });

  test('R3: refuses a misspelt KMS in the compiler and at synth', () => {
    // @ts-expect-error tenant is no KMS of the configuration
    expect(() => synth({ classes: [{ name: 'c', kms: 'tenant', pool: 'p' }] })).toThrow('got "tenant"');
    // @ts-expect-error tenant is no KMS of the configuration
    expect(() => synth({ tenants: [{ namespace: 'shop', kms: 'tenant' }] })).toThrow('got "tenant"');
  });
});
