import { isNewer, keyIdOf } from '../../../runtime/kms-plugin/key-id';
import { ciphertextVersion } from '../../../runtime/vault/transit';

const madeAt = 1_795_384_342;

test.each([
  ['transit/kms', { version: 3, madeAt }, 'transit:transit/kms:v3:2026-11-22T21:52:22Z'],
  ['team-a/transit/kms', { version: 1, madeAt: undefined }, 'transit:team-a/transit/kms:v1'],
])('the key id of %s %j', (place, version, keyId) => {
  expect(keyIdOf(place, version)).toBe(keyId);
});

test('places, versions and births make different key ids', () => {
  const ids = ['transit/kms', 'transit/other', 'other/kms'].flatMap((place) =>
    [1, 2, 11].flatMap((version) =>
      [madeAt, madeAt + 1, undefined].map((at) => keyIdOf(place, { version, madeAt: at })),
    ),
  );
  expect(new Set(ids).size).toBe(27);
});

test('stays below the bound of the API server, also for long places', () => {
  const [one, other] = ['a', 'b'].map((end) => keyIdOf(`${'long/'.repeat(400)}${end}`, { version: 1, madeAt }));
  expect(Buffer.byteLength(one ?? '')).toBeLessThan(1_024);
  expect(one).not.toBe(other);
});

test.each([
  ['a higher version', { version: 2, madeAt }, { version: 1, madeAt }, true],
  ['a lower version', { version: 1, madeAt }, { version: 2, madeAt }, false],
  ['the same', { version: 1, madeAt }, { version: 1, madeAt }, false],
  ['the first version of a key that was made anew', { version: 1, madeAt: madeAt + 9 }, { version: 5, madeAt }, true],
  ['a higher version of unknown birth', { version: 2, madeAt: undefined }, { version: 1, madeAt }, true],
])('%s', (_, one, other, newer) => {
  expect(isNewer(one, other)).toBe(newer);
});

test.each([
  ['vault:v1:AAAA', 1],
  ['vault:v12:AAAA', 12],
  ['vault:v0:AAAA', undefined],
  ['vault:v01:AAAA', undefined],
  ['vault:v1:', undefined],
  ['vault:v99999999999:A', undefined],
  ['xvault:v1:AAAA', undefined],
  ['', undefined],
])('the version of %j', (ciphertext, version) => {
  expect(ciphertextVersion(ciphertext)).toBe(version);
});
