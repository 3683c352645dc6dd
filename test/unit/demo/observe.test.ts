import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBytes, readAt } from '../../../demo/observe/find-bytes';
import { searchFolder, searchProcesses } from '../../../demo/observe/secret-search';
import { isIntact, writeTestFile } from '../../../demo/observe/test-file';

const folder = mkdtempSync(join(tmpdir(), 'keyward-observe-'));
const file = join(folder, 'file');
afterAll(() => rmSync(folder, { recursive: true }));

const mebibyte = 1024 * 1024;
const needle = Buffer.from('a needle that lies somewhere');

describe('the search for bytes', () => {
  const at = (offset: number) => {
    const content = Buffer.alloc(3 * mebibyte);
    needle.copy(content, offset);
    writeFileSync(file, content);
  };

  test.each([0, 1, mebibyte - 5, mebibyte, 2 * mebibyte - needle.length, 3 * mebibyte - needle.length])(
    'finds a needle once at %d, also across two pieces',
    async (offset) => {
      at(offset);
      // A shorter needle that lies within what is kept between two pieces must not be counted twice.
      const { found, readBytes } = await findBytes(file, [needle, needle.subarray(0, 3), Buffer.from('absent')]);
      expect(readBytes).toBe(3 * mebibyte);
      expect(found).toEqual([
        { count: 1, firstAt: offset },
        { count: 1, firstAt: offset },
        { count: 0, firstAt: undefined },
      ]);
      expect(await readAt(file, offset, needle.length)).toEqual(needle);
    },
  );

  test('counts every occurrence in a file that is full of them', async () => {
    writeFileSync(file, Buffer.alloc(needle.length * 100_000, needle));
    expect((await findBytes(file, [needle])).found).toEqual([{ count: 100_000, firstAt: 0 }]);
  });
});

test('the search of a folder names the files, not what was found', async () => {
  const root = join(folder, 'state');
  mkdirSync(join(root, 'deep'), { recursive: true });
  writeFileSync(join(root, 'deep', 'log'), `x${needle.toString()}x`);
  writeFileSync(join(root, 'clean'), 'nothing');
  expect(await searchFolder(root, [needle, Buffer.from('absent')])).toEqual({
    searched: 2,
    places: [['deep/log'], []],
  });
});

test('the search of processes sees arguments', async () => {
  const { places } = await searchProcesses([Buffer.from(process.argv[1] ?? ''), needle]);
  expect(places[0]).toContain(`/proc/${process.pid}/cmdline`);
  expect(places[1]).toEqual([]);
});

test('a test file is recognised, and a changed byte as well', async () => {
  const path = join(folder, 'orders.txt');
  const written = await writeTestFile(path, 'orders.txt');
  expect(await isIntact(path, written)).toBe(true);
  const { found } = await findBytes(path, [written.marker]);
  expect(found[0]?.count).toBe(written.sizeBytes / written.marker.length);
  const content = Buffer.from(
    (await readAt(path, 0, written.sizeBytes)).map((byte, index) => (index === 77 ? byte ^ 1 : byte)),
  );
  writeFileSync(path, content);
  expect(await isIntact(path, written)).toBe(false);
});
