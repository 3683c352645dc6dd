import { Chart, Testing } from 'cdk8s';
import { decodeCephCsiParameters } from '../../../../lib';
import {
  CephCsiDisruptionBudget,
  CephCsiSnapshotClass,
  CephCsiStorageClass,
  type CephCsiStorageClassProps,
  KmsConfigMap,
} from '../../../../lib/cdk8s';
import { only, synthesised } from '../synthesised';

const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', {
  vault: { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'csi' } },
  kmip: { type: 'kmip', endpoint: 'kmip:5696' },
  azure: { type: 'azure-kv', vaultUrl: 'https://k.vault.azure.net', clientId: 'c', tenantId: 't' },
  transit: {
    type: 'vaulttransit',
    address: 'https://vault',
    keyName: 'volumes',
    auth: { method: 'kubernetes', role: 'csi' },
  },
});
type Props = CephCsiStorageClassProps<'vault' | 'kmip' | 'azure' | 'transit'>;
const secrets = { name: 'ceph-user', namespace: 'ceph-csi' };

function declare(props: Partial<Props> = {}) {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'of-the-chart' });
  const storageClass = new CephCsiStorageClass(chart, 'class', {
    kmsConfig,
    kms: 'vault',
    clusterId: 'prod-a',
    pool: 'kube',
    secrets,
    metadata: { name: 'encrypted' },
    ...props,
  });
  return { chart, storageClass };
}
const manifestOf = (props?: Partial<Props>) => only(synthesised(declare(props).chart), 'StorageClass');
const parametersOf = (props?: Partial<Props>) => manifestOf(props).parameters as Record<string, string>;
const own = (parameters: Record<string, string>) =>
  Object.fromEntries(Object.entries(parameters).filter(([key]) => !key.startsWith('csi.storage.k8s.io/')));

describe('CephCsiStorageClass', () => {
  test('the whole manifest', () => {
    const full = {
      dataPool: 'ec',
      imageFeatures: ['layering', 'exclusive-lock', 'object-map', 'fast-diff'],
      imageFormat: '2',
      mounter: 'rbd-nbd',
      mapOptions: 'krbd:rxbounce;nbd:io-timeout=60',
      luks: { cipher: 'aes-xts-plain64', keySizeBits: 512, sectorSizeBytes: 4096 },
      fsType: 'xfs',
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'WaitForFirstConsumer',
      mountOptions: ['discard'],
      keyRotation: '@weekly',
    } as const satisfies Partial<Props>;
    expect(manifestOf(full)).toMatchSnapshot();
  });

  test('trap 1: says encrypted as the text that Go reads as true, and the class is cluster-wide', () => {
    const manifest = manifestOf();
    expect(manifest).toMatchObject({
      provisioner: 'rbd.csi.ceph.com',
      parameters: { encrypted: 'true', encryptionType: 'block', encryptionKMSID: 'vault' },
      allowVolumeExpansion: true,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'Immediate',
    });
    expect(manifest.metadata.namespace).toBeUndefined();
  });

  test('R3: its parameters read back as declared', () => {
    const { storageClass } = declare({
      stripeUnit: 65_536,
      stripeCount: 4,
      objectSize: 4_194_304,
      tryOtherMounters: true,
    });
    const read = decodeCephCsiParameters(
      own(parametersOf({ stripeUnit: 65_536, stripeCount: 4, objectSize: 4_194_304, tryOtherMounters: true })),
    );
    expect(read).toEqual(storageClass.parameters);
  });

  test('trap 2: one Secret serves every operation that needs one, as complete pairs', () => {
    const names = (parameters: Record<string, string>) =>
      Object.keys(parameters)
        .flatMap((key) => /^csi\.storage\.k8s\.io\/(.+)-secret-name$/.exec(key)?.[1] ?? [])
        .sort();
    const parameters = parametersOf();
    expect(names(parameters)).toEqual(['controller-expand', 'node-expand', 'node-stage', 'provisioner']);
    for (const name of names(parameters)) {
      expect(parameters[`csi.storage.k8s.io/${name}-secret-namespace`]).toBe('ceph-csi');
    }
    expect(names(parametersOf({ allowVolumeExpansion: false }))).toEqual(['node-stage', 'provisioner']);
    const each = { provisioner: secrets, 'node-stage': secrets, 'node-publish': secrets };
    expect(names(parametersOf({ allowVolumeExpansion: false, secrets: each }))).toContain('node-publish');
  });

  test('trap 2: refuses a class that misses a Secret, half a reference and a misspelt operation', () => {
    expect(() => declare({ secrets: { provisioner: secrets } })).toThrow(
      'test/class.secrets: got no Secret for controller-expand, node-stage;',
    );
    expect(() => declare({ secrets: { name: 's' } })).toThrow('(trap 2)');
    // @ts-expect-error node-stag is no operation
    expect(() => declare({ secrets: { 'node-stag': secrets } })).toThrow('got "node-stag"');
  });

  test('trap 1: refuses LUKS parameters that ceph-csi would silently ignore', () => {
    expect(() => declare({ luks: { keySizeBits: 512 } })).toThrow('silently ignored by ceph-csi without a cipher');
    // @ts-expect-error LUKS has no say in file encryption, and the schema tells so as well
    expect(() => declare({ encryptionType: 'file', luks: { cypher: 'x' } })).toThrow('cypher is not a known key');
    expect(() => declare({ encryptionType: 'file', luks: { cipher: 'aes-xts-plain64' } })).toThrow(
      'cipher is not a known key',
    );
  });

  test.each<[string, Partial<Props>, string]>([
    ['a KMS that ceph-csi does not know', { kms: 'transit' }, 'transit with type vaulttransit'],
    ['files with a KMS that cannot', { kms: 'kmip', encryptionType: 'file' }, 'got "file", with a KMS of type kmip'],
    ['files on xfs', { encryptionType: 'file', fsType: 'xfs' }, 'xfs has no fscrypt'],
    ['rotation of files', { encryptionType: 'file', keyRotation: '@daily' }, 'block encryption only'],
    ['a cluster id that Key Vault cannot spell', { kms: 'azure', clusterId: 'prod_a' }, 'letters, digits and dashes'],
    [
      'growth with integrity',
      { allowVolumeExpansion: true, luks: { cipher: 'aes-xts-plain64', integrity: 'hmac-sha256' } },
      'cryptsetup does not grow a volume with integrity',
    ],
  ])('trap 9: refuses %s', (_, props, message) => {
    expect(() => declare(props)).toThrow(message);
    expect(() => declare(props)).toThrow('trap 9');
  });

  test.each<[string, Partial<Props>, string]>([
    ['a feature without the one that it needs', { imageFeatures: ['fast-diff'] }, 'has fast-diff without object-map'],
    ['journaling in the kernel', { imageFeatures: ['exclusive-lock', 'journaling'] }, 'set mounter to "rbd-nbd"'],
    ['half of the striping', { stripeUnit: 4096 }, 'give both, or neither'],
    ['an empty pool', { dataPool: '' }, 'ceph-csi refuses an empty one'],
    ['an object size between powers of two', { objectSize: 3000 }, 'is not a power of two'],
    ['random IVs that nothing keeps', { luks: { cipher: 'aes-xts-random' } }, 'needs integrity'],
    ['a cluster id that is too long', { clusterId: 'x'.repeat(37) }, 'longer than 36 bytes'],
    ['a schedule of which CSI-Addons would make @weekly', { keyRotation: 'weekly' }, 'is not a schedule'],
  ])('refuses %s', (_, props, message) => {
    expect(() => declare(props)).toThrow(message);
  });

  test('with integrity the class does not grow, unless it is told', () => {
    const luks = { cipher: 'aes-xts-plain64', integrity: 'hmac-sha256' } as const;
    expect(manifestOf({ luks })).toMatchObject({ allowVolumeExpansion: false });
  });

  test('R3: refuses a misspelt KMS in the compiler and at synth', () => {
    // @ts-expect-error valt is no KMS of the configuration
    expect(() => declare({ kms: 'valt' })).toThrow('got "valt"; allowed: vault, kmip, azure, transit.');
  });

  test('trap 10: a content hash names a new class for what is immutable, and for nothing else', () => {
    const nameOf = (props: Partial<Props>) => manifestOf({ nameSuffix: 'content-hash', ...props }).metadata.name;
    const name = nameOf({});
    expect(name).toMatch(/^encrypted-[0-9a-f]{8}$/);
    expect(nameOf({})).toBe(name);
    expect(nameOf({ mountOptions: ['discard'], keyRotation: '@daily' })).toBe(name);
    const changes: Partial<Props>[] = [
      { pool: 'other' },
      { reclaimPolicy: 'Retain' },
      { volumeBindingMode: 'WaitForFirstConsumer' },
      { driverName: 'rook-ceph.rbd.csi.ceph.com' },
    ];
    expect(new Set([name, ...changes.map(nameOf)]).size).toBe(5);
    expect(() => declare({ nameSuffix: 'content-hash', metadata: {} })).toThrow('(trap 10)');
  });

  test('stands for a class that exists already', () => {
    expect(CephCsiStorageClass.fromStorageClassName('old').name).toBe('old');
  });
});

describe('CephCsiSnapshotClass', () => {
  test('takes driver, cluster and Secret from the class', () => {
    const { chart, storageClass } = declare();
    new CephCsiSnapshotClass(chart, 'snapshots', { storageClass, metadata: { name: 'encrypted' } });
    expect(only(synthesised(chart), 'VolumeSnapshotClass')).toMatchSnapshot();
  });

  test('takes a Secret of its own, and refuses one that no object can be named', () => {
    const { chart, storageClass } = declare();
    new CephCsiSnapshotClass(chart, 'own', { storageClass, secret: { name: 'snap', namespace: 'n' } });
    expect(only(synthesised(chart), 'VolumeSnapshotClass').parameters).toMatchObject({
      'csi.storage.k8s.io/snapshotter-secret-name': 'snap',
    });
    const wrong = () => new CephCsiSnapshotClass(chart, 'no', { storageClass, secret: { name: 'S!', namespace: 'n' } });
    expect(wrong).toThrow('got "S!"');
  });
});

test('CephCsiDisruptionBudget keeps all but one controller, and lets go of those that are not ready', () => {
  const { chart } = declare();
  new CephCsiDisruptionBudget(chart, 'budget', { metadata: { name: 'csi', namespace: 'ceph-csi' } });
  expect(only(synthesised(chart), 'PodDisruptionBudget')).toMatchSnapshot();
});
