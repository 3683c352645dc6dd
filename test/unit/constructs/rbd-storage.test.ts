import { Chart, Testing } from 'cdk8s';
import {
  DriverNetworkPolicy,
  EncryptedStorage,
  type EncryptedStorageClassOptions,
  type RbdBackend,
  rookRbdSecrets,
} from '../../../lib/cdk8s';
import { cephImage, type DriverImages } from '../../../lib/constructs/images';
import { decodeRbdParameters } from '../../../lib/schema/rbd-parameters';
import { decodeVolumeParameters } from '../../../lib/schema/volume-parameters';
import { only, synthesised } from './synthesised';

const vault = { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } } as const;
const rbd = { clusterId: 'prod-a', pool: 'kube' };
const cluster = { clusterId: 'prod-a', monitors: ['10.0.0.11:6789'] };

function declare(
  options: Partial<EncryptedStorageClassOptions<'vault' | 'phrase'>> = {},
  backend: RbdBackend | { readonly type: 'loop' } = { type: 'rbd', clusters: [cluster] },
) {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'keyward-system' });
  const storage = new EncryptedStorage(chart, 'storage', {
    driver: { type: 'keyward', backend, snapshots: true },
    kms: { vault, phrase: { type: 'metadata' } },
    classes: [{ name: 'encrypted-rbd', kms: 'vault', rbd, secrets: { name: 'ceph-user' }, ...options }],
  });
  return { chart, storage };
}
const classOf = (options?: Partial<EncryptedStorageClassOptions<'vault' | 'phrase'>>) =>
  only(synthesised(declare(options).chart), 'StorageClass') as unknown as {
    parameters: Record<string, string>;
    allowVolumeExpansion: boolean;
    volumeBindingMode: string;
  };
/** What the driver gets of the parameters: the sidecars keep theirs. */
const received = (parameters: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(parameters).filter(([key]) => !key.startsWith('csi.storage.k8s.io/')));

/** Of the Job that prepares the Vault. */
function jobImage(images: Partial<DriverImages> = {}): string | undefined {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'keyward-system' });
  new EncryptedStorage(chart, 'storage', {
    driver: { type: 'keyward', backend: { type: 'rbd', clusters: [cluster] }, images },
    kms: { vault },
    classes: [{ name: 'encrypted-rbd', kms: 'vault', rbd, secrets: { name: 'ceph-user' } }],
    vaultState: {
      job: {
        server: { ca: { secret: 'vault-ca', key: 'cert' } },
        login: { method: 'kubernetes', mount: 'bootstrap', role: 'apply' },
      },
    },
  });
  const job = only(synthesised(chart), 'Job') as unknown as {
    spec: { template: { spec: { containers: readonly { image: string }[] } } };
  };
  return job.spec.template.spec.containers[0]?.image;
}

describe('EncryptedStorage with images of Ceph', () => {
  test('R3: the driver reads from the class what was declared', () => {
    const image = {
      ...rbd,
      dataPool: 'ec',
      imageFeatures: ['layering', 'exclusive-lock'],
      mounter: 'rbd-nbd',
    } as const;
    const luks = { integrity: 'hmac-sha256', noReadWorkqueue: true } as const;
    const { rbd: read, others } = decodeRbdParameters(received(classOf({ rbd: image, luks }).parameters));
    expect(read).toEqual(image);
    expect(decodeVolumeParameters(others)).toMatchObject({ kmsId: 'vault', luks });
  });

  test('the Job that prepares the Vault runs the image of the driver, so that nodes need one', () => {
    const own = 'registry.example.com/keyward:1';
    expect([jobImage(), jobImage({ keyward: own })]).toEqual([cephImage, own]);
  });

  test('a volume is made at once, since every node reaches it', () => {
    expect(classOf().volumeBindingMode).toBe('Immediate');
    expect(classOf({ volumeBindingMode: 'WaitForFirstConsumer' }).volumeBindingMode).toBe('WaitForFirstConsumer');
  });

  test('a volume with integrity does not grow', () => {
    expect(classOf().allowVolumeExpansion).toBe(true);
    expect(classOf({ luks: { integrity: 'hmac-sha256' } }).allowVolumeExpansion).toBe(false);
  });

  test('the Secrets of Rook go to the operations that they are for, and may be read by the sidecars', () => {
    const { chart } = declare({ secrets: rookRbdSecrets('rook-ceph') });
    const manifests = synthesised(chart);
    const { parameters } = only(manifests, 'StorageClass') as unknown as { parameters: Record<string, string> };
    const nameOf = (operation: string) => parameters[`csi.storage.k8s.io/${operation}-secret-name`];
    expect(['provisioner', 'controller-expand', 'node-stage', 'node-expand', 'node-publish'].map(nameOf)).toEqual([
      'rook-csi-rbd-provisioner',
      'rook-csi-rbd-provisioner',
      'rook-csi-rbd-node',
      'rook-csi-rbd-node',
      undefined,
    ]);
    const role = manifests.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'rook-ceph');
    expect(role?.rules).toMatchObject([{ resourceNames: ['rook-csi-rbd-node', 'rook-csi-rbd-provisioner'] }]);
  });

  test('a snapshot gets the user of the provisioner when it is made and when it is looked up', () => {
    const { parameters } = only(synthesised(declare().chart), 'VolumeSnapshotClass');
    expect(parameters).toMatchObject({
      'csi.storage.k8s.io/snapshotter-secret-name': 'ceph-user',
      'csi.storage.k8s.io/snapshotter-list-secret-name': 'ceph-user',
    });
  });

  test.each<[string, Partial<EncryptedStorageClassOptions<'vault' | 'phrase'>>, string]>([
    ['trap 2: a class without the Ceph user', { secrets: undefined as never }, 'reads the Ceph user'],
    [
      'trap 2: a class without the Ceph user on the node',
      { secrets: { provisioner: { name: 's' }, 'controller-expand': { name: 's' }, 'node-expand': { name: 's' } } },
      'no Secret for node-stage',
    ],
    ['trap 2: no Secret for the user and the passphrase', { kms: 'phrase', secrets: {} }, 'encryptionPassphrase'],
    ['trap 4: a cluster that the driver has not', { rbd: { ...rbd, clusterId: 'prod-b' } }, 'allowed: prod-a'],
    [
      'trap 9: integrity that grows',
      { luks: { integrity: 'hmac-sha256' }, allowVolumeExpansion: true },
      'does not grow',
    ],
    ['an image without a pool', { rbd: { clusterId: 'prod-a', pool: '' } }, 'rbd\n  - pool is empty'],
    [
      'features that need others',
      { rbd: { ...rbd, imageFeatures: ['fast-diff'] } },
      'has fast-diff without object-map',
    ],
  ])('refuses %s', (_, options, message) => {
    expect(() => declare(options)).toThrow(message);
  });

  test('refuses a class for images where volumes are node-local, and the reverse', () => {
    expect(() => declare({}, { type: 'loop' })).toThrow('the back end of the driver is loop');
    expect(() => declare({ rbd: undefined as never })).toThrow('allowed: { clusterId, pool }');
  });

  test('refuses integrity of node-local volumes, which would fill their sparse files', () => {
    const luks = { integrity: 'hmac-sha256' } as const;
    expect(() => declare({ rbd: undefined as never, luks }, { type: 'loop' })).toThrow('integrity with rbd');
  });

  test('a cluster of a list that another keeps is not known here, so any is taken', () => {
    expect(() => declare({}, { type: 'rbd', clusters: 'rook' })).not.toThrow();
  });

  test('a policy lets the controller reach Ceph, where there is Ceph', () => {
    const egress = (backend?: { readonly type: 'loop' }) => {
      const { chart, storage } = declare(backend && { rbd: undefined as never, secrets: undefined as never }, backend);
      const { driver, kmsConfig } = storage;
      new DriverNetworkPolicy(chart, 'policy', { driver, kmsConfig, cephCidrs: ['10.0.0.0/24'] });
      const { spec } = only(synthesised(chart), 'NetworkPolicy') as unknown as {
        spec: { egress: { to?: object[]; ports: { port: number; endPort?: number }[] }[] };
      };
      return spec.egress.filter(({ ports }) => ports.some(({ port }) => port === 6789));
    };
    expect(egress()).toMatchObject([
      {
        to: [{ ipBlock: { cidr: '10.0.0.0/24' } }],
        ports: [{ port: 3300 }, { port: 6789 }, { port: 6800, endPort: 7568 }],
      },
    ]);
    expect(egress({ type: 'loop' })).toEqual([]);
  });
});
