import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Semaphore } from '../../../runtime/async/semaphore';
import { Cryptsetup, headerBytes } from '../../../runtime/luks/cryptsetup';
import { readHeader } from '../../../runtime/luks/header';
import { verifyHeader } from '../../../runtime/luks/verify';
import type { Run } from '../../../runtime/process/run';
import { Secret } from '../../../runtime/secret';
import {
  damage,
  describeWithCryptsetup,
  luks,
  makeScratch,
  newBytes,
  newKey,
  oldBytes,
  oldKey,
  type Scratch,
  uuid,
} from './scratch';

describeWithCryptsetup('cryptsetup', () => {
  let scratch: Scratch;
  let cryptsetup: Cryptsetup;
  let image: string;
  beforeEach(async () => {
    scratch = makeScratch();
    ({ cryptsetup, image } = scratch);
    await cryptsetup.format({ device: image, uuid, luks, dek: oldKey() });
  });
  afterEach(() => {
    expectNoKeyIn(scratch.commands);
    scratch.remove();
  });
  const addNew = (keyslot: number) =>
    cryptsetup.addKey({ device: image, authDek: oldKey(), newDek: newKey(), keyslot, luks });
  const slots = async () => (await readHeader(image)).keyslots.map((it) => it.id);

  test('formats what the record pins, and again', async () => {
    const header = await readHeader(image);
    verifyHeader(header, { luksUuid: uuid, luks, headerBytes });
    expect(header.keyslots.map((it) => it.kdf)).toEqual([{ type: 'pbkdf2', iterations: 1000 }]);
    await cryptsetup.format({ device: image, uuid, luks, dek: newKey() });
    expect(await cryptsetup.testKey(image, newKey())).toBe(0);
    expect(await cryptsetup.testKey(image, oldKey())).toBeUndefined();
  });

  test('pins the cost of argon2id where a person chose the passphrase', async () => {
    const person = { ...luks, pbkdf: 'argon2id', pbkdfIterations: 4, pbkdfMemoryKiB: 1024 } as const;
    await cryptsetup.format({ device: image, uuid, luks: person, dek: oldKey() });
    expect((await readHeader(image)).keyslots[0]?.kdf).toEqual({
      type: 'argon2id',
      iterations: 4,
      memoryKiB: 1024,
      threads: 1,
    });
  });

  test('opens, and changes a header, over one damaged copy, and repairs it by doing so', async () => {
    for (const damagedCopy of ['primary', 'secondary'] as const) {
      for (const inside of [0, 4200]) {
        damage(image, (damagedCopy === 'primary' ? 0 : 16 * 1024) + inside);
        expect(await readHeader(image)).toMatchObject({ uuid, damagedCopy });
        expect(await cryptsetup.testKey(image, oldKey())).toBe(0);
        const header = await readHeader(image);
        expect(header.damagedCopy).toBeUndefined();
        verifyHeader(header, { luksUuid: uuid, luks, headerBytes });
      }
    }
    damage(image, 4200);
    await addNew(1);
    expect((await readHeader(image)).damagedCopy).toBeUndefined();
    expect(await cryptsetup.testKey(image, newKey())).toBe(1);
  });

  test('refuses a header of which both copies are damaged, and leaves it as it is', async () => {
    damage(image, 4200);
    damage(image, 16 * 1024 + 4200);
    const before = readFileSync(image);
    await expect(cryptsetup.testKey(image, oldKey())).toRejectWithCode('LUKS_NOT_LUKS');
    expect(readFileSync(image).equals(before)).toBe(true);
  });

  test('has room for sixteen keyslots', async () => {
    for (let slot = 1; slot < 16; slot += 1) await addNew(slot);
    expect(await slots()).toHaveLength(16);
  });

  test('tells which keyslot a key opens', async () => {
    await addNew(4);
    expect(await cryptsetup.testKey(image, oldKey())).toBe(0);
    expect(await cryptsetup.testKey(image, newKey())).toBe(4);
    expect(await cryptsetup.testKey(image, newKey(), 4)).toBe(4);
    expect(await cryptsetup.testKey(image, newKey(), 0)).toBeUndefined();
    expect(await cryptsetup.testKey(image, newKey(), 7)).toBeUndefined();
    expect(await cryptsetup.testKey(image, Secret.fromText('wrong'))).toBeUndefined();
  });

  test('takes one key for the other when the sizes are wrong: both are told', async () => {
    const together = Secret.take(Buffer.concat([oldBytes, newBytes]));
    await addNew(1);
    expect(await cryptsetup.testKey(image, together)).toBeUndefined();
    expect((await readHeader(image)).keyslots[1]?.kdf).toEqual({ type: 'pbkdf2', iterations: 1000 });
  });

  test('refuses to add with a wrong key, or into an occupied keyslot', async () => {
    const wrong = () => cryptsetup.addKey({ device: image, authDek: newKey(), newDek: oldKey(), keyslot: 1, luks });
    await expect(wrong()).toRejectWithCode('LUKS_PASSPHRASE_REJECTED');
    await expect(addNew(0)).toRejectWithCode('LUKS_KEYSLOT_OCCUPIED');
    expect(await slots()).toEqual([0]);
  });

  test('rotates: add, test, kill, each of which may be repeated after a crash', async () => {
    await addNew(1);
    await cryptsetup.killSlot(image, 0, newKey());
    await cryptsetup.killSlot(image, 0, newKey());
    expect(await slots()).toEqual([1]);
    expect(await cryptsetup.testKey(image, newKey())).toBe(1);
    expect(await cryptsetup.testKey(image, oldKey())).toBeUndefined();
  });

  test('refuses to kill a keyslot unless the key opens another one', async () => {
    await expect(cryptsetup.killSlot(image, 0, oldKey())).toRejectWithCode('LUKS_PASSPHRASE_REJECTED');
    await addNew(1);
    await expect(cryptsetup.killSlot(image, 0, oldKey())).toRejectWithCode('LUKS_PASSPHRASE_REJECTED');
    await expect(cryptsetup.killSlot(image, 0, Secret.fromText('wrong'))).toRejectWithCode('LUKS_PASSPHRASE_REJECTED');
    expect(await slots()).toEqual([0, 1]);
  });

  test('kills one of two keyslots that the same key opens', async () => {
    await cryptsetup.addKey({ device: image, authDek: oldKey(), newDek: oldKey(), keyslot: 1, luks });
    await cryptsetup.killSlot(image, 0, oldKey());
    expect(await slots()).toEqual([1]);
  });

  test('sets the UUID', async () => {
    const other = '6f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a12';
    await cryptsetup.setUuid(image, other);
    expect((await readHeader(image)).uuid).toBe(other);
  });

  test('rejects a device that is not there and one without a header', async () => {
    await expect(cryptsetup.testKey(join(scratch.folder, 'absent'), oldKey())).toRejectWithCode('DEVICE_NOT_READY');
    const blank = makeScratch();
    await expect(cryptsetup.testKey(blank.image, oldKey())).toRejectWithCode('LUKS_NOT_LUKS');
    blank.remove();
  });
});

test('bounds how many run at once', async () => {
  let [running, most] = [0, 0];
  const run = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
    return { exitCode: 0, stdout: '', stderr: '', durationMs: 1 };
  };
  const cryptsetup = new Cryptsetup({ run, parallel: new Semaphore(2) });
  await Promise.all(Array.from({ length: 7 }, () => cryptsetup.close('keyward-x')));
  expect(most).toBe(2);
});

test('lets no format with integrity protection, which writes the whole device, hold up an open; nor more than two of them at once', async () => {
  const [scratch, running] = [makeScratch(), [] as string[]];
  let finish = () => {};
  const wiped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const limits: number[] = [];
  const run: Run = async (_tool, args, { timeoutMs = 0 } = {}) => {
    running.push(args[0] ?? '');
    limits.push(timeoutMs);
    if (args[0] === 'luksFormat') await wiped;
    return { exitCode: 0, stdout: '', stderr: '', durationMs: 1 };
  };
  const cryptsetup = new Cryptsetup({ run, parallel: new Semaphore(1), timeoutMs: 1000 });
  const format = () =>
    cryptsetup.format({
      device: scratch.image,
      uuid,
      luks: { ...luks, integrity: 'hmac-sha256' },
      dek: oldKey(),
    });
  const formats = Promise.all([format(), format(), format()]);
  await cryptsetup.open({ device: 'd', name: 'n', dek: oldKey() });
  while (running.length < 3) await new Promise(setImmediate);
  expect([...running].sort()).toEqual(['luksFormat', 'luksFormat', 'open']);
  finish();
  await formats;
  // 32 MiB more than the usual limit, at 8 MiB/s.
  expect(new Set(limits)).toEqual(new Set([1000, 5000]));
  expect(running).toHaveLength(4);
  scratch.remove();
});

test('asks dm-crypt for discards and the ways around its work queues only when told so', async () => {
  const commands: string[] = [];
  const run = async (_tool: string, args: readonly string[]) => {
    commands.push(args.filter((arg) => /discards|perf|readonly/.test(arg)).join(' '));
    return { exitCode: 0, stdout: '', stderr: '', durationMs: 1 };
  };
  const it = new Cryptsetup({ run, parallel: new Semaphore(1) });
  const request = { device: 'd', name: 'n', dek: oldKey() };
  await it.open(request);
  await it.open({ ...request, discards: true });
  await it.open({ ...request, noReadWorkqueue: true });
  await it.open({ ...request, noWriteWorkqueue: true });
  expect(commands).toEqual(['', '--allow-discards', '--perf-no_read_workqueue', '--perf-no_write_workqueue']);
});

test('has every flag in its long form', async () => {
  const commands: string[] = [];
  const run = async (_tool: string, args: readonly string[]) => {
    commands.push(...args);
    return { exitCode: 0, stdout: 'Key slot 0 unlocked.\n', stderr: '', durationMs: 1 };
  };
  const it = new Cryptsetup({ run, parallel: new Semaphore(1) });
  await it.format({ device: 'd', uuid, luks, dek: oldKey() });
  await it.open({ device: 'd', name: 'n', dek: oldKey(), readOnly: true, discards: true, keyslot: 1 });
  await it.addKey({ device: 'd', authDek: oldKey(), newDek: newKey(), keyslot: 1, luks });
  await it.resize('n');
  await it.testKey('d', oldKey(), 1);
  await it.importToken('d', '{}', 0, { replace: true });
  expect(commands.filter((arg) => /^-[^-]/.test(arg))).toEqual([]);
  expectNoKeyIn([commands]);
});

function expectNoKeyIn(commands: readonly (readonly string[])[]): void {
  const text = commands.flat().join(' ');
  for (const bytes of [oldBytes, newBytes]) {
    for (const encoding of ['latin1', 'utf8', 'hex', 'base64'] as const)
      expect(text).not.toContain(bytes.toString(encoding));
    expect(text).not.toContain(bytes.toString('latin1', 6));
  }
}
