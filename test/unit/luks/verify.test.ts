import { headerBytes } from '../../../runtime/luks/cryptsetup';
import { readHeader } from '../../../runtime/luks/header';
import { verifyHeader } from '../../../runtime/luks/verify';
import { describeWithCryptsetup, editHeader, luks, makeScratch, oldKey, type Scratch, uuid } from './scratch';

const pinned = { luksUuid: uuid, luks, headerBytes };

describeWithCryptsetup('a header against the record of its volume', () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = makeScratch();
    await scratch.cryptsetup.format({ device: scratch.image, uuid, luks, dek: oldKey() });
  });
  afterEach(() => scratch.remove());

  const check = async (changes: object = {}) =>
    verifyHeader(await readHeader(scratch.image), { ...pinned, ...changes });
  const edited = (path: string, value: unknown) => {
    editHeader(scratch.image, (json) => {
      const keys = path.split('.');
      const last = keys.pop() ?? '';
      const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, json);
      parent[last] = value;
    });
    return check();
  };

  test('accepts what was formatted', async () => {
    await check();
    await check({ luksUuid: uuid.toUpperCase() });
  });

  test('rejects the header of another volume', async () => {
    await expect(check({ luksUuid: '00000000-8a52-4c19-9c5b-0d8c3b5d7a11' })).toRejectWithCode('LUKS_HEADER_FOREIGN');
  });

  test('names the null cipher before all else, also in a foreign header', async () => {
    editHeader(scratch.image, (json) => Object.assign(json.segments?.['0'] ?? {}, { encryption: 'cipher_null-ecb' }));
    await expect(check({ luksUuid: '00000000-8a52-4c19-9c5b-0d8c3b5d7a11' })).toRejectWithCode('LUKS_HEADER_UNSAFE');
  });

  test.each([
    ['null cipher of the segment', 'segments.0.encryption', 'cipher_null-ecb'],
    ['null cipher of a keyslot, which any passphrase opens', 'keyslots.0.area.encryption', 'cipher_null-ecb'],
    ['null cipher under the crypto API name', 'segments.0.encryption', 'capi:ecb(cipher_null)-plain'],
    ['weaker cipher', 'segments.0.encryption', 'aes-ecb'],
    ['shorter key', 'keyslots.0.key_size', 32],
    ['other sector size', 'segments.0.sector_size', 512],
    ['later start of the data', 'segments.0.offset', '33554432'],
    ['fixed size', 'segments.0.size', '4194304'],
    ['integrity that was not asked for', 'segments.0.integrity', { type: 'hmac(sha256)' }],
    ['unknown requirement', 'config.requirements', { mandatory: ['online-reencrypt-v2'] }],
    ['second, plain segment', 'segments.1', { type: 'linear', offset: '20971520', size: 'dynamic' }],
    [
      'second encrypted segment',
      'segments.1',
      { type: 'crypt', offset: '20971520', size: 'dynamic', encryption: 'aes-xts-plain64', sector_size: 4096 },
    ],
    [
      'keyslot that would take 4 GiB of memory',
      'keyslots.0.kdf',
      { type: 'argon2id', time: 4, memory: 4_194_304, cpus: 1, salt: '' },
    ],
  ])('rejects a %s', async (_, path, value) => {
    await expect(edited(path, value)).toRejectWithCode('LUKS_HEADER_UNSAFE');
  });

  test('knows the names of integrity algorithms and the key that they add', async () => {
    editHeader(scratch.image, (json) => {
      Object.assign(json.segments?.['0'] ?? {}, { integrity: { type: 'hmac(sha256)' } });
      Object.assign(json.keyslots?.['0'] ?? {}, { key_size: 96 });
    });
    await check({ luks: { ...luks, integrity: 'hmac-sha256' } });
    await expect(check({ luks: { ...luks, integrity: 'hmac-sha512' } })).toRejectWithCode('LUKS_HEADER_UNSAFE');
  });
});
