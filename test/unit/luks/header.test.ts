import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { readHeader } from '../../../runtime/luks/header';
import { parseHeaderJson } from '../../../runtime/luks/header-json';
import {
  damage,
  describeWithCryptsetup,
  editBinary,
  editHeader,
  luks,
  makeScratch,
  newKey,
  oldKey,
  type Scratch,
  uuid,
} from './scratch';

const secondCopy = 16 * 1024;

describeWithCryptsetup('the header reader', () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = makeScratch();
    await scratch.cryptsetup.format({ device: scratch.image, uuid, luks, dek: oldKey() });
  });
  afterEach(() => scratch.remove());

  const dump = (image: string) =>
    JSON.parse(execFileSync('cryptsetup', ['luksDump', '--dump-json-metadata', image], { encoding: 'utf8' }));

  test('reads what cryptsetup reads', async () => {
    const { image, cryptsetup } = scratch;
    await cryptsetup.addKey({ device: image, authDek: oldKey(), newDek: newKey(), keyslot: 3, luks });
    await cryptsetup.importToken(image, JSON.stringify({ type: 'some', keyslots: ['3'], more: { a: [1] } }), 5, {
      replace: false,
    });
    const header = await readHeader(image);
    const real = dump(image);
    expect(header).toMatchObject({
      uuid,
      label: '',
      cipher: real.segments[0].encryption,
      sectorSizeBytes: real.segments[0].sector_size,
      dataOffsetBytes: Number(real.segments[0].offset),
      keySizeBits: real.keyslots[0].key_size * 8,
      requirements: [],
    });
    expect(header.keyslots.map((it) => it.id)).toEqual(Object.keys(real.keyslots).map(Number));
    expect(header.keyslots.map((it) => it.kdf)).toEqual([0, 3].map(() => ({ type: 'pbkdf2', iterations: 1000 })));
    expect(header.segments[0]).toMatchObject({ sizeBytes: 'dynamic', keyslots: [0, 3] });
    expect(header.tokens).toEqual([{ id: 5, type: 'some', keyslots: [3], json: real.tokens[5] }]);
    expect(header.damagedCopy).toBeUndefined();
  });

  test('reads the arguments of ceph-csi, argon2id and larger metadata areas, as well', async () => {
    const areas = ['--luks2-metadata-size', '4096k', '--luks2-keyslots-size', '8192k', '--label', 'a label'];
    const kdf = ['--pbkdf-memory', '32768', '--pbkdf-force-iterations', '4'];
    const args = [
      '-q',
      'luksFormat',
      '--type',
      'luks2',
      '--hash',
      'sha256',
      ...areas,
      ...kdf,
      scratch.image,
      '-d',
      '-',
    ];
    execFileSync('cryptsetup', args, { input: 'key' });
    const header = await readHeader(scratch.image);
    expect(header).toMatchObject({ label: 'a label', dataOffsetBytes: 16 * 1024 * 1024 });
    expect(header.keyslots[0]?.kdf).toMatchObject({ type: 'argon2id', iterations: 4, memoryKiB: 32_768 });
    expect(header.damagedCopy).toBeUndefined();
  });

  test.each([
    ['magic', 0],
    ['version', 6],
    ['binary part', 100],
    ['JSON area', 4200],
  ])('uses the second copy when the %s of the first is damaged, and says so', async (_, offset) => {
    const before = await readHeader(scratch.image);
    damage(scratch.image, offset, 2);
    expect(await readHeader(scratch.image)).toEqual({ ...before, damagedCopy: 'primary' });
  });

  test('uses the first copy when the second is damaged, and says so', async () => {
    damage(scratch.image, secondCopy + 5000);
    expect(await readHeader(scratch.image)).toMatchObject({ uuid, damagedCopy: 'secondary' });
  });

  test('uses the newer of two valid copies, as cryptsetup does', async () => {
    const newer = (copy: Buffer) => copy.writeBigUInt64BE(99n, 16);
    editBinary(scratch.image, secondCopy, newer);
    expect(await readHeader(scratch.image)).toMatchObject({ sequence: 99, damagedCopy: 'primary' });
    editBinary(scratch.image, 0, (copy) => copy.writeBigUInt64BE(100n, 16));
    expect(await readHeader(scratch.image)).toMatchObject({ sequence: 100, damagedCopy: 'secondary' });
  });

  test('rejects a header of which no copy is whole', async () => {
    damage(scratch.image, 5000);
    damage(scratch.image, secondCopy + 5000);
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_HEADER_INVALID');
  });

  test('rejects LUKS1', async () => {
    damage(scratch.image, secondCopy);
    editBinary(scratch.image, 0, (copy) => copy.writeUInt16BE(1, 6));
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_HEADER_INVALID');
  });

  test('rejects a copy that claims to be elsewhere, or of an impossible size', async () => {
    damage(scratch.image, secondCopy);
    editBinary(scratch.image, 0, (copy) => copy.writeBigUInt64BE(16_384n, 256));
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_HEADER_INVALID');
    editBinary(scratch.image, 0, (copy) => copy.writeBigUInt64BE(1n << 60n, 8));
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_HEADER_INVALID');
  });

  test.each([
    [
      'a keyslot with an id beyond the format',
      (json: { keyslots: object }) => Object.assign(json.keyslots, { 32: {} }),
    ],
    [
      'a segment without a start',
      (json: { segments: { 0: object } }) => Object.assign(json.segments[0], { offset: '-1' }),
    ],
    [
      'an unknown derivation',
      (json: { keyslots: { 0: { kdf: object } } }) => Object.assign(json.keyslots[0].kdf, { type: 'none' }),
    ],
    ['no segment', (json: object) => Object.assign(json, { segments: {} })],
  ])('rejects %s though the checksum is right', async (_, edit) => {
    editHeader(scratch.image, edit as never);
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_HEADER_INVALID');
  });

  test('never takes random changes for another header: it reads the same, or rejects', async () => {
    const before = await readHeader(scratch.image);
    const offset = fc.integer({ min: 0, max: 2 * secondCopy - 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(offset, { minLength: 1, maxLength: 3 }), async (offsets) => {
        const copy = join(scratch.folder, 'changed');
        writeFileSync(copy, execFileSync('head', ['-c', '65536', scratch.image]));
        for (const at of offsets) damage(copy, at, 1);
        try {
          const { damagedCopy: _, ...header } = await readHeader(copy);
          expect(header).toEqual(before);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^LUKS_(NOT_LUKS|HEADER_INVALID)$/) });
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the header reader without cryptsetup', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = makeScratch();
  });
  afterEach(() => scratch.remove());

  test('rejects a blank device, a short one and an empty one as not LUKS', async () => {
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_NOT_LUKS');
    truncateSync(scratch.image, 100);
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_NOT_LUKS');
    truncateSync(scratch.image, 0);
    await expect(readHeader(scratch.image)).toRejectWithCode('LUKS_NOT_LUKS');
  });

  test('rejects what cannot be opened or read', async () => {
    await expect(readHeader(join(scratch.folder, 'absent'))).toRejectWithCode('DEVICE_UNREADABLE');
    await expect(readHeader(scratch.folder)).toRejectWithCode('DEVICE_UNREADABLE');
  });

  test('the JSON parser never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => parseHeaderJson(text) === undefined));
  });
});
