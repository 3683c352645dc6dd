import fc from 'fast-check';
import { type CephCsiParameters, decodeCephCsiParameters, encodeCephCsiParameters } from '../../../lib';
import { rbdParameters } from './arbitraries';
import { issuesOf } from './issues-of';

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/);

const block = fc.record(
  {
    type: fc.constant('block' as const),
    kmsId: word.filter((id) => id !== 'default'),
    cipher: fc.constantFrom('aes-xts-plain64' as const, 'serpent-xts-plain64' as const),
    keySizeBits: fc.constantFrom(256 as const, 512 as const),
    integrity: fc.constantFrom('hmac-sha256' as const, 'hmac-sha512' as const),
    sectorSizeBytes: fc.constantFrom(512 as const, 4096 as const),
  },
  { requiredKeys: ['type', 'kmsId', 'cipher'] },
);
const file = fc.record({ type: fc.constant('file' as const), kmsId: word.filter((id) => id !== 'default') });
const parameters: fc.Arbitrary<CephCsiParameters> = fc
  .tuple(
    rbdParameters,
    fc.oneof(
      word.map((mkfsOptions) => ({ mkfsOptions })),
      fc.constant({}),
    ),
    fc.oneof(block, file),
  )
  .map(([rbd, mkfs, encryption]) => ({ ...rbd, ...mkfs, encryption }));

describe('the StorageClass parameters of ceph-csi', () => {
  test('R3: read back as they were declared, as text and nothing else', () => {
    fc.assert(
      fc.property(parameters, (declared) => {
        const written = encodeCephCsiParameters(declared, 'a class');
        expect(Object.values(written).every((value) => typeof value === 'string' && value !== '')).toBe(true);
        expect(decodeCephCsiParameters(written)).toEqual(declared);
      }),
    );
  });

  const encrypted = { clusterID: 'c', pool: 'p', encrypted: 'true', encryptionKMSID: 'vault' };

  test('take what Go reads as true, and block encryption where nothing is said', () => {
    expect(decodeCephCsiParameters({ ...encrypted, encrypted: 'T' }).encryption).toEqual({
      type: 'block',
      kmsId: 'vault',
    });
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['trap 1: encrypted "false"', { ...encrypted, encrypted: 'false' }, 'encrypted'],
    ['trap 1: encrypted "yes"', { ...encrypted, encrypted: 'yes' }, 'encrypted'],
    ['trap 1: a misspelt key', { ...encrypted, encryptionKmsID: 'vault' }, 'encryptionKmsID'],
    ['the shared default KMS', { ...encrypted, encryptionKMSID: 'default' }, 'encryptionKMSID'],
    ['the shared default KMS by an empty id', { ...encrypted, encryptionKMSID: '' }, 'encryptionKMSID'],
    ['an empty type', { ...encrypted, encryptionType: '' }, 'encryptionType'],
    ['trap 9: aead, which no cipher of ceph-csi can do', { ...encrypted, integrityMode: 'aead' }, 'integrityMode'],
    ['trap 1: a key size without a cipher', { ...encrypted, encryptionKeySize: '512' }, 'encryption.keySizeBits'],
    [
      'trap 1: a cipher for files',
      { ...encrypted, encryptionType: 'file', encryptionCipher: 'aes-xts-plain64' },
      'encryption.cipher',
    ],
    ['an empty pool', { ...encrypted, pool: '' }, 'pool'],
  ])('rejects %s', (_, given, path) => {
    expect(issuesOf(() => decodeCephCsiParameters(given)).map((issue) => issue.path)).toContain(path);
  });
});
