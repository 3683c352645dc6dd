import { execFileSync } from 'node:child_process';
import { headerBytes } from '../../../runtime/luks/cryptsetup';
import { readHeader } from '../../../runtime/luks/header';
import { requireResizable } from '../../../runtime/luks/integrity';
import { pinOf, verifyForeignHeader, verifyHeader } from '../../../runtime/luks/verify';
import { Secret } from '../../../runtime/secret';
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

describeWithCryptsetup('the header of a volume that another driver made', () => {
  let scratch: Scratch;
  /** As ceph-csi formats: geometry, derivation and cryptsetup's default cipher. */
  const format = (...more: string[]) => {
    const areas = ['--luks2-metadata-size', '4096k', '--luks2-keyslots-size', '8192k'];
    // Fewer passes than the benchmark would give: they are no part of what is looked at.
    const kdf = ['--pbkdf-memory', '32768', '--pbkdf-force-iterations', '4'];
    const fixed = ['-q', 'luksFormat', '--type', 'luks2', '--hash', 'sha256', '--uuid', uuid];
    execFileSync('cryptsetup', [...fixed, ...more, ...areas, ...kdf, scratch.image, '-d', '-'], { input: 'key' });
  };
  beforeEach(() => {
    scratch = makeScratch();
  });
  afterEach(() => scratch.remove());
  const read = () => readHeader(scratch.image);

  test('is accepted with the defaults of cryptsetup, and gives what is pinned from then on', async () => {
    format();
    verifyForeignHeader(await read());
    const pin = pinOf(await read());
    expect(pin).toEqual({
      luksUuid: uuid,
      luks: {
        cipher: 'aes-xts-plain64',
        keySizeBits: 512,
        sectorSizeBytes: expect.any(Number),
        pbkdf: 'pbkdf2',
        pbkdfIterations: 1000,
      },
      headerBytes: 16 * 1024 * 1024,
    });
    verifyHeader(await read(), pin);
  });

  test('is pinned with what was chosen, and a header with anything else is refused from then on', async () => {
    format('--cipher', 'aes-xts-plain64', '--key-size', '256', '--sector-size', '512');
    const pin = pinOf(await read());
    expect(pin.luks).toMatchObject({ cipher: 'aes-xts-plain64', keySizeBits: 256, sectorSizeBytes: 512 });
    format('--cipher', 'aes-xts-plain64', '--key-size', '512', '--sector-size', '512');
    await expect(read().then((header) => verifyHeader(header, pin))).toRejectWithCode('LUKS_HEADER_UNSAFE');
  });

  test('takes a keyslot that keyward adds beside those of ceph-csi', async () => {
    format();
    const [device, authDek, { luks: pinned }] = [scratch.image, Secret.fromText('key'), pinOf(await read())];
    await scratch.cryptsetup.addKey({ device, authDek, newDek: oldKey(), keyslot: 1, luks: pinned });
    const header = await read();
    verifyForeignHeader(header);
    expect(header.keyslots.map((it) => it.kdf?.type)).toEqual(['argon2id', 'pbkdf2']);
  });

  const edited = async (edit: (json: { [key: string]: never }) => void) => {
    await scratch.cryptsetup.format({ device: scratch.image, uuid, luks, dek: oldKey() });
    editHeader(scratch.image, edit);
    const header = await read();
    verifyForeignHeader(header);
    return pinOf(header);
  };

  test('has the key of its integrity algorithm taken off the size of the key', async () => {
    const pin = await edited((json) => {
      Object.assign(json.segments?.['0'] ?? {}, { integrity: { type: 'hmac(sha512)' } });
      Object.assign(json.keyslots?.['0'] ?? {}, { key_size: 128 });
    });
    expect(pin.luks).toMatchObject({ integrity: 'hmac-sha512', keySizeBits: 512 });
    expect(() => requireResizable('v', pin.luks)).toThrowWithCode('REQUEST_INVALID');
    expect(() => requireResizable('v', luks)).not.toThrow();
  });

  test.each([
    ['the null cipher', { segments: { 0: { encryption: 'cipher_null-ecb' } } }],
    ['a keyslot that any passphrase opens', { keyslots: { 0: { area: { encryption: 'cipher_null-ecb' } } } }],
    ['a cipher that ceph-csi does not allow', { segments: { 0: { encryption: 'aes-ecb' } } }],
    ['an integrity mode that is no HMAC', { segments: { 0: { integrity: { type: 'none' } } } }],
    ['a second, plain segment', { segments: { 1: { type: 'linear', offset: '20971520', size: 'dynamic' } } }],
    ['a requirement', { config: { requirements: { mandatory: ['online-reencrypt-v2'] } } }],
    ['data that begins within the header', { segments: { 0: { offset: '32768' } } }],
    [
      'a keyslot that would take 4 GiB',
      { keyslots: { 0: { kdf: { type: 'argon2id', time: 4, memory: 4_194_304, cpus: 1 } } } },
    ],
    ['a shorter key', { keyslots: { 0: { key_size: 16 } } }],
  ])('is refused with %s', async (_, changes) => {
    await expect(edited((json) => merge(json, changes))).toRejectWithCode('LUKS_HEADER_UNSAFE');
  });

  test('is refused when its format was interrupted before the first keyslot', async () => {
    const gone = edited((json) => {
      Object.assign(json, { keyslots: {}, digests: { 0: { type: 'pbkdf2', keyslots: [], segments: ['0'] } } });
    });
    await expect(gone).toRejectWithCode('LUKS_NO_USABLE_KEYSLOT');
  });
});

function merge(target: Record<string, unknown>, changes: object): void {
  for (const [key, value] of Object.entries(changes)) {
    const present = target[key];
    if (typeof value === 'object' && !Array.isArray(value) && typeof present === 'object' && present !== null)
      merge(present as Record<string, unknown>, value);
    else target[key] = value;
  }
}
