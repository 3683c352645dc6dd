import { randomBytes } from 'node:crypto';
import { CodedError } from '../../../runtime/errors';
import { localOverheadBytes, openLocally, sealLocally } from '../../../runtime/kms-plugin/local-ciphertext';
import { LocalKek } from '../../../runtime/kms-plugin/local-kek';
import { UnwrappedKeks } from '../../../runtime/kms-plugin/unwrapped-keks';
import { silentLog } from '../../../runtime/log';
import { Secret } from '../../../runtime/secret';

const seed = randomBytes(32);
const day = 86_400_000;

/** A transit that wraps by remembering. */
function setUp(options: { maxAgeMs?: number; maxUses?: number } = {}) {
  const world = { now: 0, keyId: 'k1', away: false, wraps: 0, unwraps: 0 };
  const wrapped = new Map<string, Buffer>();
  const refuse = () => {
    if (world.away) throw new CodedError('KMS_UNREACHABLE', 'away', { remedy: 'Wait.' });
  };
  const remote = {
    encrypt: async (plaintext: Uint8Array) => {
      refuse();
      world.wraps += 1;
      const text = `vault:v1:${world.wraps}`;
      wrapped.set(text, Buffer.from(plaintext));
      return { text, keyId: world.keyId };
    },
    decrypt: async (text: string) => {
      refuse();
      world.unwraps += 1;
      return Buffer.from(wrapped.get(text) ?? Buffer.from('short'));
    },
  };
  const local = new LocalKek(
    { maxAgeMs: day, maxUses: 1_000, ...options },
    { remote, log: silentLog, announcedKeyId: () => world.keyId, now: () => world.now },
  );
  return { world, remote, local };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

test('transit is asked once for all that one KEK encrypts', async () => {
  const { local, world, remote } = setUp();
  const made = await Promise.all(Array.from({ length: 20 }, () => local.encrypt(seed)));
  expect(world.wraps).toBe(1);
  expect(new Set(made.map(({ ciphertext }) => ciphertext.toString('hex'))).size).toBe(20);
  const keks = new UnwrappedKeks(remote);
  for (const { ciphertext, wrappedKek } of made) {
    expect(openLocally(await keks.get(wrappedKek), ciphertext)).toEqual(seed);
  }
  expect(world.unwraps).toBe(1);
});

test('a seed makes a ciphertext far below the bound of the API server', () => {
  const kek = Secret.random(32);
  expect(sealLocally(kek, seed)).toHaveLength(32 + localOverheadBytes);
});

test.each([
  ['another KEK', (bytes: Buffer) => bytes, Secret.random(32)],
  ['a changed byte', (bytes: Buffer) => Buffer.from(bytes).fill(0, 20, 21), undefined],
  ['a cut-off end', (bytes: Buffer) => bytes.subarray(0, -1), undefined],
  ['nothing but a header', (bytes: Buffer) => bytes.subarray(0, 14), undefined],
  ['another format', (bytes: Buffer) => Buffer.from(bytes).fill(9, 0, 1), undefined],
])('refuses %s', (_, change, other) => {
  const kek = Secret.random(32);
  const sealed = sealLocally(kek, Buffer.alloc(32, 7));
  expect(() => openLocally(other ?? kek, change(sealed))).toThrowWithCode('KMS_CIPHERTEXT_INVALID');
});

test('a KEK that is old is replaced in the background', async () => {
  const { local, world } = setUp();
  const before = await local.encrypt(seed);
  world.now = day;
  expect((await local.encrypt(seed)).wrappedKek).toBe(before.wrappedKek);
  await settle();
  expect((await local.encrypt(seed)).wrappedKek).not.toBe(before.wrappedKek);
});

test('a KEK that was used enough is replaced', async () => {
  const { local, world } = setUp({ maxUses: 3 });
  for (let uses = 0; uses < 3; uses += 1) await local.encrypt(seed);
  await settle();
  await local.encrypt(seed);
  expect(world.wraps).toBe(2);
});

test('an outage stops nothing until the hard bound of its age', async () => {
  const { local, world } = setUp();
  const { wrappedKek } = await local.encrypt(seed);
  world.away = true;
  world.now = 6 * day;
  expect((await local.encrypt(seed)).wrappedKek).toBe(wrappedKek);
  world.now = 8 * day;
  await expect(local.encrypt(seed)).toRejectWithCode('KMS_UNREACHABLE');
  world.away = false;
  world.now += 10_000;
  expect((await local.encrypt(seed)).wrappedKek).not.toBe(wrappedKek);
});

test('a new version of the transit key ends the KEK at once', async () => {
  const { local, world } = setUp();
  const before = await local.encrypt(seed);
  world.keyId = 'k2';
  const after = await local.encrypt(seed);
  expect(after.keyId).toBe('k2');
  expect(after.wrappedKek).not.toBe(before.wrappedKek);
});

describe('the cache of unwrapped KEKs', () => {
  test('is bounded, and keeps those used last', async () => {
    const { remote, local, world } = setUp({ maxUses: 1 });
    const wrapped: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      wrapped.push((await local.encrypt(seed)).wrappedKek);
      await settle();
    }
    const keks = new UnwrappedKeks(remote, 2);
    const [a = '', b = '', c = ''] = wrapped;
    for (const each of [a, b, a, c, a]) await keks.get(each);
    expect(keks.size).toBe(2);
    expect(world.unwraps).toBe(3);
    await keks.get(b);
    expect(world.unwraps).toBe(4);
  });

  test('asks once for all who want the same KEK, and again after a failure', async () => {
    const { remote, local, world } = setUp();
    const { wrappedKek } = await local.encrypt(seed);
    const keks = new UnwrappedKeks(remote);
    world.away = true;
    await expect(keks.get(wrappedKek)).toRejectWithCode('KMS_UNREACHABLE');
    world.away = false;
    await Promise.all([keks.get(wrappedKek), keks.get(wrappedKek)]);
    expect(world.unwraps).toBe(1);
  });

  test('refuses an annotation that wraps something else', async () => {
    const { remote } = setUp();
    await expect(new UnwrappedKeks(remote).get('vault:v1:unknown')).toRejectWithCode('KMS_CIPHERTEXT_INVALID');
  });
});
