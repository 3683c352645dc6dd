import { ComponentResource } from '@pulumi/pulumi';
import type { Manifest } from '../../../lib/components/manifests';
import { registerManifests } from '../../../lib/components/register-manifests';
import { onlyOf, type Recording, recorded } from './recorded';

const namespace = 'tenant';
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };
const manifests: readonly Manifest[] = [
  { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'driver', namespace } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'reader', namespace }, roleRef },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'reader', namespace } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'other', namespace } },
  { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'encrypted' } },
  { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'csi.keyward.io' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config', namespace } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'elsewhere', namespace: 'other' } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
];

describe('registerManifests', () => {
  let recording: Recording;
  beforeAll(async () => {
    recording = await recorded(() => {
      const resource = new ComponentResource('keyward:test:Owner', 'owner');
      registerManifests({ resource, name: 'owner', dependsOn: undefined }, manifests);
    });
  });

  const find = (kind: string, name = '') => {
    const { apiVersion = '' } = manifests.find((it) => it.kind === kind) ?? {};
    return onlyOf(recording, `kubernetes:${apiVersion === 'v1' ? 'core/v1' : apiVersion}:${kind}`, name);
  };
  const prerequisites = (kind: string, name?: string) =>
    find(kind, name).dependencies.map((urn) => urn.split('::owner/').at(-1));

  test('a namespace comes before what is in it, and before nothing else', () => {
    expect(prerequisites('ConfigMap', '/config')).toEqual(['Namespace/tenant']);
    expect(prerequisites('ConfigMap', '/elsewhere')).toEqual([]);
    expect(prerequisites('StorageClass')).toEqual([]);
    expect(prerequisites('Namespace')).toEqual([]);
  });

  test('a role comes before its binding', () => {
    expect(prerequisites('RoleBinding')).toEqual(['Namespace/tenant', 'Role/tenant/reader']);
  });

  test('what pods need comes before them; a class does not hold them up', () => {
    expect(prerequisites('DaemonSet')).toEqual(
      expect.arrayContaining(['ConfigMap/tenant/config', 'CSIDriver/csi.keyward.io', 'RoleBinding/tenant/reader']),
    );
    expect(prerequisites('DaemonSet')).not.toContain('StorageClass/encrypted');
  });

  test('a StorageClass is replaced, old one first, when a field changes that the API server never changes', () => {
    expect(find('StorageClass')).toMatchObject({
      deleteBeforeReplace: true,
      replaceOnChanges: ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'],
    });
    expect(find('RoleBinding').replaceOnChanges).toEqual(['roleRef']);
    expect(find('ConfigMap', '/config').replaceOnChanges).toEqual([]);
  });
});
