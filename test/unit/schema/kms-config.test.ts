import fc from 'fast-check';
import {
  decodeKmsConfig,
  decodeKmsConfigMapData,
  decodeKmsSection,
  encodeKmsConfig,
  encodeKmsConfigMapData,
  kmsSecretSources,
  kmsTypeNames,
  kmsTypes,
  settleKms,
} from '../../../lib/schema/kms';
import { kmsMap, metadataSettings } from './arbitraries';
import { issuesOf } from './issues-of';

describe('the KMS configuration', () => {
  test('R3: both forms round trip for all settings', () => {
    fc.assert(
      fc.property(kmsMap, (kms) => {
        expect(decodeKmsConfig(encodeKmsConfig(kms))).toEqual(kms);
        expect(decodeKmsConfigMapData(encodeKmsConfigMapData(kms))).toEqual(kms);
      }),
    );
  });

  test('gives the same bytes whatever the order of the ids', () => {
    const a = settleKms('a', { type: 'metadata' });
    const b = settleKms('b', { type: 'metadata', secretName: 's' });
    expect(
      encodeKmsConfig(
        new Map([
          ['a', a],
          ['b', b],
        ]),
      ),
    ).toBe(
      encodeKmsConfig(
        new Map([
          ['b', b],
          ['a', a],
        ]),
      ),
    );
  });

  test('reports the faults of all sections, each under its id', () => {
    const text = JSON.stringify({
      a: { encryptionKMSType: 'valt' },
      b: {},
      c: [],
      d: { encryptionKMSType: 'metadata', secretname: 'x' },
    });
    expect(issuesOf(() => decodeKmsConfig(text))).toMatchObject([
      { path: 'a.encryptionKMSType', message: 'is not a KMS type', got: '"valt"', remedy: 'write "vault"' },
      { path: 'b.encryptionKMSType', message: 'is missing, and so is KMS_PROVIDER' },
      { path: 'c', message: 'must be an object', got: 'a list' },
      { path: 'd.secretname', remedy: 'write "secretName", or remove it' },
    ]);
  });

  test('rejects what is no JSON object', () => {
    expect(issuesOf(() => decodeKmsConfig('[]'))).toMatchObject([{ path: '', message: 'must be an object' }]);
    expect(issuesOf(() => decodeKmsConfigMapData({ a: '{' }))[0]?.message).toContain('is not JSON text');
  });

  test('R11: never repeats text that could be a secret', () => {
    const canary = 'hvs.canary-7f3a9b';
    const texts = [
      `{"a": "${canary}`,
      JSON.stringify({ a: canary }),
      JSON.stringify({ a: { encryptionKMSType: canary } }),
      JSON.stringify({ a: { encryptionKMSType: 'metadata', secretName: `${canary}!` } }),
      JSON.stringify({ a: { encryptionKMSType: 'vault', vaultAuthMethod: canary, vaultCAVerify: canary } }),
    ];
    for (const text of texts) {
      try {
        decodeKmsConfig(text);
        throw new Error('accepted');
      } catch (error) {
        expect(`${error}`).toContain('SchemaError');
        expect(`${error}${JSON.stringify(error)}`).not.toContain(canary);
      }
    }
  });

  test('rejects an id that no ConfigMap key can be', () => {
    const kms = new Map([['a b', settleKms('a', { type: 'metadata' })]]);
    expect(() => encodeKmsConfig(kms)).toThrow('is not a KMS id');
  });

  test.each(kmsTypeNames.filter((name) => !Object.hasOwn(kmsTypes, name)))(
    'names %s as known, but not supported',
    (type) => {
      expect(issuesOf(() => decodeKmsSection('x', { encryptionKMSType: type }))).toMatchObject([
        { message: `"${type}" is known, but not supported`, allowed: Object.keys(kmsTypes) },
      ]);
    },
  );

  test.each(['secrets-metadata-test', 'Vault', 7, null])('rejects the type %j', (type) => {
    expect(issuesOf(() => decodeKmsSection('x', { encryptionKMSType: type }))).toMatchObject([
      { path: 'encryptionKMSType', message: 'is not a KMS type', allowed: kmsTypeNames },
    ]);
  });
});

describe('a metadata section', () => {
  test('round trips for all settings', () => {
    fc.assert(
      fc.property(metadataSettings, (settings) => {
        expect(decodeKmsSection('any', kmsTypes.metadata.section.encode(settings))).toEqual(settings);
      }),
    );
  });

  test('reads both selector keys', () => {
    const settings = { type: 'metadata', secretName: 'storage-encryption-secret', secretNamespace: 'crypto' };
    const { type, ...keys } = settings;
    expect(decodeKmsSection('m', { encryptionKMSType: type, ...keys })).toEqual(settings);
    expect(decodeKmsSection('m', { KMS_PROVIDER: type, ...keys })).toEqual(settings);
  });

  test('R18: rejects a namespace without a name, and a name that no Secret can have', () => {
    const section = { encryptionKMSType: 'metadata' };
    expect(issuesOf(() => decodeKmsSection('m', { ...section, secretNamespace: 'crypto' }))).toMatchObject([
      { path: 'secretNamespace', message: 'is set without secretName' },
    ]);
    expect(issuesOf(() => decodeKmsSection('m', { ...section, secretName: 'Not_A_Name' }))).toMatchObject([
      { path: 'secretName' },
    ]);
  });

  test('says where the passphrase comes from', () => {
    expect(kmsSecretSources({ type: 'metadata' })).toEqual([{ from: 'request', key: 'encryptionPassphrase' }]);
    expect(kmsSecretSources({ type: 'metadata', secretName: 's', secretNamespace: 'n' })).toEqual([
      { from: 'secret', name: 's', namespace: 'n', key: 'encryptionPassphrase' },
    ]);
  });
});
