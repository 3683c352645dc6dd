import { runtime } from '@pulumi/pulumi';
import { Testing } from 'cdk8s';
import { EncryptedStorage as EncryptedStorageConstruct } from '../../../lib/cdk8s';
import { EncryptedStorage, type EncryptedStorageArgs, rookRbdSecrets } from '../../../lib/pulumi';
import { synthesised } from '../constructs/synthesised';
import { kubernetesObjects, onlyOf, type Recording, recorded } from './recorded';

type Args = EncryptedStorageArgs<'passphrase' | 'vault'>;
const args: Args = {
  namespace: 'keyward-system',
  driver: { type: 'keyward', backend: { type: 'loop' }, snapshots: true, rotation: {}, admin: true },
  kms: {
    passphrase: { type: 'metadata' },
    vault: { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } },
  },
  classes: [
    { name: 'encrypted', kms: 'passphrase', secrets: { name: 'phrase' } },
    { name: 'encrypted-vault', kms: 'vault', keyRotation: '@weekly', maximumKeyAgeDays: 30 },
  ],
};

const componentUrn = 'urn:pulumi:test::keyward::keyward:index:EncryptedStorage::storage';

function declared() {
  const chart = Testing.chart();
  const { vaultState: _, ...props } = args;
  new EncryptedStorageConstruct(chart, 'storage', props);
  return synthesised(chart);
}

describe('EncryptedStorage (Pulumi)', () => {
  let up: Recording;
  beforeAll(async () => {
    up = await recorded(() => new EncryptedStorage('storage', args));
  });

  test('registers every object of the construct once, word for word', () => {
    const key = (object: Readonly<Record<string, unknown>>) => JSON.stringify([object.kind, object.metadata]);
    const byKey = (objects: readonly Readonly<Record<string, unknown>>[]) =>
      [...objects].sort((left, right) => (key(left) < key(right) ? -1 : 1));
    const inputs = kubernetesObjects(up).map((it) => it.inputs);
    expect(byKey(inputs)).toEqual(byKey(declared()));
    expect(inputs.length).toBeGreaterThanOrEqual(14);
  });

  test('previews exactly what it applies', async () => {
    const preview = await recorded(() => new EncryptedStorage('storage', args), { preview: true });
    expect(preview.registrations).toEqual(up.registrations);
  });

  test('is the parent of its objects, under the type tokens of the provider', () => {
    expect(onlyOf(up, 'keyward:index:EncryptedStorage').inputs).toEqual({});
    expect(new Set(kubernetesObjects(up).map(({ parent }) => parent))).toEqual(new Set([componentUrn]));
    expect([...new Set(kubernetesObjects(up).map(({ type }) => type))].sort()).toEqual([
      'kubernetes:apps/v1:DaemonSet',
      'kubernetes:core/v1:ConfigMap',
      'kubernetes:core/v1:ServiceAccount',
      'kubernetes:rbac.authorization.k8s.io/v1:ClusterRole',
      'kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding',
      'kubernetes:rbac.authorization.k8s.io/v1:Role',
      'kubernetes:rbac.authorization.k8s.io/v1:RoleBinding',
      'kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass',
      'kubernetes:storage.k8s.io/v1:CSIDriver',
      'kubernetes:storage.k8s.io/v1:StorageClass',
    ]);
  });

  test('names its children after kind, namespace and name: a change would replace them in every stack', () => {
    expect(kubernetesObjects(up).map(({ name }) => name)).toMatchSnapshot();
  });

  test('gives the names of what it made', () => {
    expect(up.outputs.get(componentUrn)).toEqual({
      driverName: 'csi.keyward.io',
      storageClassNames: ['encrypted', 'encrypted-vault'],
      configMapNames: ['keyward-csi-kms', 'keyward-csi-config'],
    });
  });

  test('R11: no input is a Secret or the value of one', () => {
    expect(kubernetesObjects(up).some(({ type }) => type.endsWith(':Secret'))).toBe(false);
    expect(JSON.stringify(up.registrations)).not.toMatch(/stringData|hvs\.|BEGIN [A-Z ]*PRIVATE KEY/);
  });

  test('R3: a misspelt KMS in a class does not compile, and registers nothing', async () => {
    const newResource = jest.fn();
    await runtime.setMocks({ newResource, call: () => ({}) }, 'keyward', 'test', true);
    const make = () =>
      new EncryptedStorage('storage', {
        ...args,
        // @ts-expect-error valt is no KMS of this storage
        classes: [{ name: 'encrypted', kms: 'valt' }],
      });
    expect(make).toThrow(
      'storage/EncryptedStorage/Class-encrypted.kms: got "valt"; allowed: passphrase, vault. Use an id of the KMS configuration. (R3)',
    );
    await runtime.disconnect();
    expect(newResource).not.toHaveBeenCalled();
  });

  test('refuses an invalid prop at preview with prop, value, allowed values and remedy', async () => {
    const classes = [{ name: 'encrypted', kms: 'vault', fsType: 'btrfs' }];
    // @ts-expect-error btrfs is no file system that the driver makes
    const make = () => new EncryptedStorage('storage', { ...args, classes });
    await expect(recorded(make, { preview: true })).rejects.toThrow(
      'storage/EncryptedStorage/Class-encrypted.fsType: got "btrfs"; allowed: ext4, xfs. Choose a file system that the driver makes; raw block volumes need none. (R18)',
    );
  });

  test('does not compile without a namespace', () => {
    const { namespace: _, ...rest } = args;
    // @ts-expect-error there is no chart that could give one
    const misuse: Args = rest;
    expect(misuse.namespace).toBeUndefined();
  });
});

describe('EncryptedStorage (Pulumi) with images of Ceph', () => {
  test('takes the same props, and starts both workloads after what they need', async () => {
    const recording = await recorded(
      () =>
        new EncryptedStorage('storage', {
          namespace: 'rook-ceph',
          driver: { type: 'keyward', backend: { type: 'rbd', clusters: 'rook' } },
          kms: { vault: { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } } },
          classes: [
            {
              name: 'encrypted-rbd',
              kms: 'vault',
              rbd: { clusterId: 'rook-ceph', pool: 'replicapool' },
              secrets: rookRbdSecrets(),
            },
          ],
        }),
    );
    const [deployment, daemonSet] = ['Deployment', 'DaemonSet'].map((kind) =>
      onlyOf(recording, `kubernetes:apps/v1:${kind}`),
    );
    expect(deployment?.inputs.metadata).toMatchObject({ name: 'keyward-csi-controller', namespace: 'rook-ceph' });
    expect(daemonSet?.inputs.metadata).toMatchObject({ name: 'keyward-csi-node' });
    for (const workload of [deployment, daemonSet]) {
      expect(workload?.dependencies.some((urn) => urn.includes(':RoleBinding::'))).toBe(true);
      expect(workload?.replaceOnChanges).toEqual(['spec.selector']);
    }
    expect(onlyOf(recording, 'kubernetes:storage.k8s.io/v1:StorageClass').inputs.parameters).toMatchObject({
      clusterID: 'rook-ceph',
      pool: 'replicapool',
      'csi.storage.k8s.io/node-stage-secret-name': 'rook-csi-rbd-node',
    });
  });
});
