import fc from 'fast-check';
import { readHeader } from '../../../runtime/luks/header';
import { decodeToken, encodeToken, findToken, type KeywardToken, keywardTokenId } from '../../../runtime/luks/token';
import { describeWithCryptsetup, luks, makeScratch, oldKey, uuid } from './scratch';

const token: KeywardToken = {
  kmsId: 'tenants',
  keyReference: 'keyward/loop-1',
  keyVersion: '3',
  luksUuid: uuid,
  keyslots: [0, 31],
  rotatedAt: '2026-01-02T03:04:05.000Z',
};

test('is read back as it was written', () => {
  const text = fc.string({ minLength: 1, maxLength: 40 });
  const any = fc.record(
    {
      kmsId: text,
      keyReference: text,
      keyVersion: text,
      luksUuid: fc.uuid(),
      keyslots: fc.array(fc.integer({ min: 0, max: 31 }), { maxLength: 32 }),
      rotatedAt: fc
        .date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true })
        .map((it) => it.toISOString()),
    },
    { requiredKeys: ['kmsId', 'keyReference', 'luksUuid', 'keyslots'] },
  );
  fc.assert(fc.property(any, (it) => expect(decodeToken(JSON.parse(encodeToken(it)))).toEqual(it)));
});

test.each([
  ['no object', 7],
  ['another type', { ...JSON.parse(encodeToken(token)), type: 'systemd-tpm2' }],
  ['an unknown field', { ...JSON.parse(encodeToken(token)), wrappedDek: 'abc' }],
  ['a later version', { ...JSON.parse(encodeToken(token)), version: 2 }],
  ['keyslots as numbers', { ...JSON.parse(encodeToken(token)), keyslots: [0] }],
  ['a UUID that is none', { ...JSON.parse(encodeToken(token)), luksUuid: 'abc' }],
  ['a time that is none', { ...JSON.parse(encodeToken(token)), rotatedAt: 'yesterday' }],
])('rejects %s', (_, json) => {
  expect(() => decodeToken(json)).toThrowWithCode('LUKS_TOKEN_INVALID');
});

test('refuses to write what could not be read back', () => {
  expect(() => encodeToken({ ...token, kmsId: '' })).toThrowWithCode('LUKS_TOKEN_INVALID');
  expect(() => encodeToken({ ...token, keyslots: [32] })).toThrowWithCode('LUKS_TOKEN_INVALID');
});

describeWithCryptsetup('the token in a header', () => {
  test('is stored, replaced, found and removed', async () => {
    const { cryptsetup, image, remove } = makeScratch();
    try {
      await cryptsetup.format({ device: image, uuid, luks, dek: oldKey() });
      expect(findToken(await readHeader(image))).toBeUndefined();
      const first = { ...token, keyslots: [0] };
      await cryptsetup.importToken(image, encodeToken(first), keywardTokenId, { replace: false });
      expect(findToken(await readHeader(image))).toEqual(first);
      const again = () => cryptsetup.importToken(image, encodeToken(first), keywardTokenId, { replace: false });
      await expect(again()).toRejectWithCode('LUKS_TOKEN_INVALID');
      await cryptsetup.importToken(image, encodeToken({ ...first, keyVersion: '4' }), keywardTokenId, {
        replace: true,
      });
      expect(findToken(await readHeader(image))).toMatchObject({ keyVersion: '4' });
      await expect(cryptsetup.importToken(image, encodeToken(token), 1, { replace: false })).toRejectWithCode(
        'LUKS_TOKEN_INVALID',
      );
      await cryptsetup.removeToken(image, keywardTokenId);
      await cryptsetup.removeToken(image, keywardTokenId);
      expect(findToken(await readHeader(image))).toBeUndefined();
    } finally {
      remove();
    }
  });
});
