import { headerBytes } from '../../../runtime/luks/cryptsetup';
import { readHeader } from '../../../runtime/luks/header';
import { beginReencryption, convertedBytes, convertPiece } from '../../../runtime/luks/reencrypt';
import { isReencrypting, verifyHeader } from '../../../runtime/luks/verify';
import { run } from '../../../runtime/process/run';
import { describeWithCryptsetup, editHeader, luks, makeScratch, newKey, oldKey, type Scratch, uuid } from './scratch';

jest.setTimeout(120_000);
const pinned = { luksUuid: uuid, luks, headerBytes };
const underWay = { ...pinned, reencryption: { oldKeyslot: 0, startedAt: '2026-01-01T00:00:00Z' } };

describeWithCryptsetup('a re-encryption', () => {
  let scratch: Scratch;
  const target = () => ({ run, path: scratch.image, dek: oldKey() });
  beforeEach(async () => {
    scratch = makeScratch();
    await scratch.cryptsetup.format({ device: scratch.image, uuid, luks, dek: oldKey() });
    await beginReencryption(target(), luks, undefined);
  });
  afterEach(() => scratch.remove());
  const check = async (pin: Parameters<typeof verifyHeader>[1]) => verifyHeader(await readHeader(scratch.image), pin);

  test('is accepted in a header exactly while the record says that there is one', async () => {
    await check(underWay);
    await expect(check(pinned)).rejects.toMatchObject({ code: 'LUKS_HEADER_UNSAFE' });
    await convertPiece(target(), 60);
    await check(underWay);
    await check(pinned);
  });

  test('opens with the same key before and after, with no other, and ends with one keyslot', async () => {
    expect(await scratch.cryptsetup.testKey(scratch.image, oldKey())).toBeDefined();
    await convertPiece(target(), 60);
    const header = await readHeader(scratch.image);
    expect([isReencrypting(header), header.keyslots.map(({ id }) => id)]).toEqual([false, [1]]);
    expect(await scratch.cryptsetup.testKey(scratch.image, oldKey())).toBe(1);
    expect(await scratch.cryptsetup.testKey(scratch.image, newKey())).toBeUndefined();
    await convertPiece(target(), 60);
  });

  test('tells how much of the data has the new key', async () => {
    const deviceBytes = 32 * 1024 * 1024;
    expect(convertedBytes(await readHeader(scratch.image), 0, deviceBytes)).toBe(0);
    await convertPiece(target(), 60);
    expect(convertedBytes(await readHeader(scratch.image), 0, deviceBytes)).toBe(deviceBytes - headerBytes);
  });

  test.each([
    ['plain segment', 'segments', '0', { type: 'linear', offset: `${headerBytes}`, size: 'dynamic' }],
    ['segment with another cipher', 'segments', '0', { encryption: 'aes-ecb' }],
    ['segment that begins elsewhere', 'segments', '0', { offset: '25165824' }],
    ['state that nothing authenticates', 'config', 'requirements', { mandatory: ['online-reencrypt'] }],
  ])('rejects a %s, whatever the record says', async (_, group, name, change) => {
    editHeader(scratch.image, (json) => Object.assign(json[group]?.[name] ?? {}, change));
    await expect(check(underWay)).rejects.toMatchObject({ code: 'LUKS_HEADER_UNSAFE' });
  });
});
