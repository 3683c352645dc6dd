import fc from 'fast-check';
import { decodeVolumeParameters, encodeVolumeParameters, settleVolume } from '../../../lib/schema/volume-parameters';
import { volumeParameters } from './arbitraries';
import { issuesOf } from './issues-of';

const minimum = { encrypted: 'true', encryptionKMSID: 'vault' };
const decode = (change: Record<string, string>) => decodeVolumeParameters({ ...minimum, ...change });

describe('StorageClass parameters', () => {
  test('R3: decode(encode(x)) is x for all parameters', () => {
    fc.assert(
      fc.property(volumeParameters, (it) => expect(decodeVolumeParameters(encodeVolumeParameters(it))).toEqual(it)),
    );
  });

  test('fill the defaults: pbkdf2 at its minimum, since keys are random', () => {
    expect(decode({})).toEqual({
      encrypted: true,
      kmsId: 'vault',
      luks: {
        cipher: 'aes-xts-plain64',
        keySizeBits: 512,
        sectorSizeBytes: 4096,
        pbkdf: 'pbkdf2',
        pbkdfIterations: 1000,
      },
    });
    expect(decode({ encryptionPbkdf: 'argon2id' }).luks).toMatchObject({ pbkdfIterations: 4, pbkdfMemoryKiB: 32_768 });
  });

  test('take the claim from what the provisioner adds', () => {
    const claim = {
      'csi.storage.k8s.io/pvc/name': 'data',
      'csi.storage.k8s.io/pvc/namespace': 'shop',
      'csi.storage.k8s.io/pv/name': 'pvc-1',
    };
    expect(decode(claim)).toMatchObject({ owner: 'shop', pvcName: 'data', pvName: 'pvc-1' });
  });

  test('honour the key size although no cipher is named, which ceph-csi would ignore', () => {
    expect(decode({ encryptionKeySize: '256' }).luks.keySizeBits).toBe(256);
  });

  test.each([['false'], ['0'], ['False']])('trap 1: refuse encrypted %j, for it would be plain text', (text) => {
    expect(issuesOf(() => decode({ encrypted: text }))).toMatchObject([
      { path: 'encrypted', remedy: 'write encrypted: "true"; plain volumes belong to another driver' },
    ]);
  });

  test('trap 1: refuse a missing or unreadable encrypted', () => {
    expect(issuesOf(() => decodeVolumeParameters({ encryptionKMSID: 'v' }))).toMatchObject([
      { path: 'encrypted', message: 'is missing' },
    ]);
    expect(issuesOf(() => decode({ encrypted: 'yes' }))).toMatchObject([
      { path: 'encrypted', message: 'must be a boolean in a string' },
    ]);
  });

  test.each(['', 'default'])('refuse the shared default KMS, written %j', (id) => {
    expect(issuesOf(() => decode({ encryptionKMSID: id }))).toMatchObject([
      { path: 'encryptionKMSID', remedy: 'name a KMS of the configuration' },
    ]);
  });

  test.each([
    ['encryptionCipher', 'aes-cbc-plain'],
    ['encryptionKeySize', '1024'],
    ['encryptionKeySize', '0x200'],
    ['encryptionSectorSize', '8192'],
    ['encryptionType', 'file'],
    ['encryptionType', ''],
    ['integrityMode', 'hmac-md5'],
    ['encryptionCipher', 'aes-xts-random'],
    ['encryptionDiscards', 'yes'],
    ['encryptionNoReadWorkqueue', ''],
    ['encryptionNoWriteWorkqueue', 'on'],
    ['encryptionPbkdf', 'scrypt'],
    ['encryptionPbkdfIterations', '10'],
    ['encryptionPbkdfMemoryKiB', '1024'],
  ])('refuse %s %j', (key, text) => {
    expect(() => decode({ [key]: text })).toThrow('Not valid: the StorageClass parameters');
  });

  test('trap 9: refuse aead and say why, since no cipher here is one', () => {
    const [issue] = issuesOf(() => decode({ integrityMode: 'aead' }));
    expect(issue).toMatchObject({ path: 'integrityMode', allowed: ['hmac-sha256', 'hmac-sha512'] });
    expect(issue?.message).toContain('none of the XTS ciphers');
  });

  test('refuse discards with integrity, for a discarded sector has no tag', () => {
    expect(issuesOf(() => decode({ integrityMode: 'hmac-sha256', encryptionDiscards: 'true' }))).toMatchObject([
      { path: 'luks.discards' },
    ]);
  });

  test('take integrity, discards and the work queues in text, and say nothing of what is not said', () => {
    const text = {
      encryptionCipher: 'aes-xts-random',
      integrityMode: 'hmac-sha512',
      encryptionDiscards: 'F',
      encryptionNoReadWorkqueue: 'true',
      encryptionNoWriteWorkqueue: '1',
    };
    expect(decode(text).luks).toMatchObject({
      cipher: 'aes-xts-random',
      integrity: 'hmac-sha512',
      discards: false,
      noReadWorkqueue: true,
      noWriteWorkqueue: true,
    });
  });

  test('R18: refuse a misspelt key and name the nearest', () => {
    expect(issuesOf(() => decode({ encryptionKmsId: 'x' }))).toMatchObject([
      { path: 'encryptionKmsId', remedy: 'write "encryptionKMSID", or remove it' },
    ]);
  });

  test('refuse a declared class in the words of the declaration', () => {
    expect(issuesOf(() => settleVolume({ kmsId: 'default' }, 'the class a'))).toMatchObject([{ path: 'kmsId' }]);
    expect(issuesOf(() => settleVolume({ kmsId: 'v', luks: { pbkdfMemoryKiB: 64 } }, 'the class a'))).toMatchObject([
      { path: 'luks.pbkdfMemoryKiB', message: 'is set, but pbkdf2 uses no memory' },
    ]);
  });
});
