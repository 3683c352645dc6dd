import { Testing } from 'cdk8s';
import { EncryptedStorageClass, type EncryptedStorageClassProps, KmsConfigMap } from '../../../lib/cdk8s';
import { decodeVolumeParameters } from '../../../lib/schema/volume-parameters';
import { only, synthesised } from './synthesised';

const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', {
  passphrase: { type: 'metadata' },
  named: { type: 'metadata', secretName: 's', secretNamespace: 'n' },
  vault: { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } },
});
type Props = Omit<EncryptedStorageClassProps<'passphrase' | 'named' | 'vault'>, 'kmsConfig'>;

function synth(props: Props) {
  const chart = Testing.chart();
  new EncryptedStorageClass(chart, 'class', { kmsConfig, metadata: { name: 'encrypted' }, ...props });
  return synthesised(chart);
}
const parametersOf = (props: Props) => only(synth(props), 'StorageClass').parameters as Record<string, string>;

describe('EncryptedStorageClass', () => {
  test('R3: its parameters read back as the declared volume', () => {
    const parameters = parametersOf({ kms: 'vault', mkfsOptions: '-E discard', luks: { keySizeBits: 256 } });
    const received = Object.fromEntries(
      Object.entries(parameters).filter(([key]) => !key.startsWith('csi.storage.k8s.io/')),
    );
    expect(decodeVolumeParameters(received)).toMatchObject({
      encrypted: true,
      kmsId: 'vault',
      mkfsOptions: '-E discard',
      luks: { keySizeBits: 256, cipher: 'aes-xts-plain64' },
    });
  });

  test('waits for the pod, may grow and deletes, unless told otherwise', () => {
    expect(only(synth({ kms: 'vault' }), 'StorageClass')).toMatchObject({
      provisioner: 'csi.keyward.io',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
      reclaimPolicy: 'Delete',
      parameters: { encrypted: 'true', 'csi.storage.k8s.io/fstype': 'ext4' },
    });
    const other = { volumeBindingMode: 'Immediate', allowVolumeExpansion: false, reclaimPolicy: 'Retain' } as const;
    expect(
      only(synth({ kms: 'vault', fsType: 'xfs', mountOptions: ['noatime'], ...other }), 'StorageClass'),
    ).toMatchObject({
      ...other,
      mountOptions: ['noatime'],
      parameters: { 'csi.storage.k8s.io/fstype': 'xfs' },
    });
  });

  test('bears no namespace, whatever the chart has', () => {
    expect(only(synth({ kms: 'vault' }), 'StorageClass').metadata.namespace).toBeUndefined();
  });

  test('trap 2: one Secret serves all operations as complete pairs', () => {
    const parameters = parametersOf({ kms: 'passphrase', secrets: { name: 'phrase', namespace: 'keyward-system' } });
    for (const operation of ['provisioner', 'node-stage', 'node-publish', 'controller-expand', 'node-expand']) {
      expect(parameters).toMatchObject({
        [`csi.storage.k8s.io/${operation}-secret-name`]: 'phrase',
        [`csi.storage.k8s.io/${operation}-secret-namespace`]: 'keyward-system',
      });
    }
    expect(synth({ kms: 'passphrase', secrets: { name: 'phrase', namespace: 'keyward-system' } })).toMatchSnapshot();
  });

  test('trap 2: refuses a KMS that would miss its Secret, and says for what', () => {
    expect(() => synth({ kms: 'passphrase' })).toThrow(
      'test/class.secrets: got no Secret for provisioner, node-stage, controller-expand, node-expand; allowed: a Secret for every operation that needs the key. This metadata KMS reads "encryptionPassphrase" from the request secrets: give one { name, namespace } for all operations. (R18, trap 2)',
    );
    const ref = { name: 's', namespace: 'n' };
    const some = { provisioner: ref, 'node-stage': ref };
    expect(() => synth({ kms: 'passphrase', secrets: some })).toThrow(
      'got no Secret for controller-expand, node-expand',
    );
    expect(() => synth({ kms: 'passphrase', secrets: some, allowVolumeExpansion: false })).not.toThrow();
  });

  test('needs no Secret when the KMS takes it from elsewhere', () => {
    expect(() => synth({ kms: 'named' })).not.toThrow();
    expect(Object.keys(parametersOf({ kms: 'vault' })).filter((key) => key.includes('secret'))).toEqual([]);
  });

  test('trap 2: refuses half a pair, a name that no Secret has and a misspelt operation', () => {
    expect(() => synth({ kms: 'vault', secrets: { name: 's' } })).toThrow('provisioner.namespace: got nothing');
    expect(() => synth({ kms: 'vault', secrets: { name: 'S!', namespace: 'n' } })).toThrow('got "S!"');
    const misspelt = { 'node-stag': { name: 's', namespace: 'n' } };
    // @ts-expect-error node-stag is no operation
    expect(() => synth({ kms: 'vault', secrets: misspelt })).toThrow('got "node-stag"');
  });

  test('takes the tokens that the provisioner fills, each where it may stand', () => {
    const token = (name: string) => `\${${name}}`;
    const secrets = { name: `key-${token('pvc.name')}`, namespace: token('pvc.namespace') };
    expect(() => synth({ kms: 'vault', secrets })).not.toThrow();
    expect(() => synth({ kms: 'vault', secrets: { name: 's', namespace: token('pvc.name') } })).toThrow(
      'allowed: a DNS-1123 name',
    );
  });

  test('R18: refuses an unknown file system in the compiler and at synth', () => {
    // @ts-expect-error btrfs is no file system of the driver
    expect(() => synth({ kms: 'vault', fsType: 'btrfs' })).toThrow(
      'test/class.fsType: got "btrfs"; allowed: ext4, xfs.',
    );
  });

  test('R3: refuses a misspelt KMS in the compiler and at synth', () => {
    // @ts-expect-error valt is no KMS of the configuration
    expect(() => synth({ kms: 'valt' })).toThrow('test/class.kms: got "valt"; allowed: passphrase, named, vault.');
  });

  test('refuses LUKS parameters that cannot work, in the words of the declaration', () => {
    // @ts-expect-error XTS has no key of 1024 bits
    expect(() => synth({ kms: 'vault', luks: { keySizeBits: 1024 } })).toThrow(
      'luks.keySizeBits has a value that is not allowed',
    );
  });

  test('trap 10: a content hash names a new class for what is immutable, and for nothing else', () => {
    const nameOf = (props: Partial<Props>) =>
      only(synth({ kms: 'vault', nameSuffix: 'content-hash', ...props }), 'StorageClass').metadata.name;
    const name = nameOf({});
    expect(name).toMatch(/^encrypted-[0-9a-f]{8}$/);
    expect(nameOf({ mountOptions: ['noatime'], allowVolumeExpansion: false, keyRotation: '@daily' })).toBe(name);
    expect(nameOf({ fsType: 'xfs' })).not.toBe(name);
    expect(nameOf({ reclaimPolicy: 'Retain' })).not.toBe(name);
  });

  test('R2: says when CSI-Addons rotates, and refuses a schedule that it cannot read', () => {
    expect(only(synth({ kms: 'vault', keyRotation: '@weekly' }), 'StorageClass').metadata).toMatchObject({
      annotations: { 'keyrotation.csiaddons.openshift.io/schedule': '@weekly' },
    });
    expect(() => synth({ kms: 'vault', keyRotation: 'weekly' })).toThrow('is not a schedule');
  });

  test('R2: names itself in its parameters, whatever its name comes from, so that the driver can note it', () => {
    for (const props of [{}, { nameSuffix: 'content-hash' }, { metadata: {} }] as const) {
      const { metadata, parameters } = only(synth({ kms: 'vault', ...props }), 'StorageClass');
      expect((parameters as Record<string, string>).storageClassName).toBe(metadata.name);
    }
  });

  test('R2: notes how old a key may grow, and refuses a schedule that pauses for longer', () => {
    const props = { kms: 'vault', keyRotation: '@monthly' } as const;
    expect(only(synth({ ...props, maximumKeyAgeDays: 31 }), 'StorageClass').metadata).toMatchObject({
      annotations: { 'keyward.io/maximum-key-age-days': '31' },
    });
    expect(() => synth({ ...props, maximumKeyAgeDays: 30 })).toThrow('whose longest pause is 31 days');
    expect(() => synth({ kms: 'vault', keyRotation: '0 0 30 2 *', maximumKeyAgeDays: 90 })).toThrow('is for ever');
    expect(() => synth({ kms: 'vault', maximumKeyAgeDays: 0 })).toThrow('maximumKeyAgeDays: got 0');
  });

  test('stands for a class that exists already', () => {
    expect(EncryptedStorageClass.fromStorageClassName('old').name).toBe('old');
  });
});
