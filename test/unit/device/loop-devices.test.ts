import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { LoopDevices } from '../../../runtime/device/loop/loop-devices';
import type { Run } from '../../../runtime/process/run';

let folder: string;
let image: string;
let commands: string[];
let answer: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'keyward-loop-')));
  image = join(folder, 'loop-1.img');
  mkdirSync(join(folder, 'sys/block'), { recursive: true });
  writeFileSync(image, '');
  [commands, answer] = [[], ''];
});
afterEach(() => rmSync(folder, { recursive: true }));

const run: Run = async (tool, args) => {
  commands.push([tool, ...args].join(' '));
  return { exitCode: 0, stdout: answer, stderr: '', durationMs: 1 };
};
const bound = (device: string, backingFile: string) => {
  const path = join(folder, 'sys/block', device, 'loop/backing_file');
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync(join(folder, 'sys/block', device, 'holders'), { recursive: true });
  writeFileSync(path, `${backingFile}\n`);
};
const devices = () => new LoopDevices(run, join(folder, 'sys'));

test('finds the device of a file without a process', async () => {
  bound('loop0', '/somewhere/else.img');
  bound('loop5', image);
  expect(await devices().find(image)).toBe('/dev/loop5');
  expect(await devices().attach(image)).toBe('/dev/loop5');
  expect(commands).toEqual([]);
});

test('asks losetup about a path of another mount namespace, and believes it', async () => {
  bound('loop5', `/old-container/${basename(image)}`);
  answer = '/dev/loop5\n';
  expect(await devices().find(image)).toBe('/dev/loop5');
  answer = '';
  expect(await devices().find(image)).toBeUndefined();
  expect(commands[0]).toBe(`losetup --associated ${image} --noheadings --output NAME`);
});

test('a device over a removed file of the same name is not ours', async () => {
  bound('loop5', `${image} (deleted)`);
  expect(await devices().find(image)).toBeUndefined();
  answer = '/dev/loop6\n';
  expect(await devices().attach(image)).toBe('/dev/loop6');
  expect(commands).toEqual([`losetup --find --show --nooverlap ${image}`]);
});

test('a file that is not there is attached nowhere', async () => {
  expect(await devices().find(join(folder, 'absent'))).toBeUndefined();
  await devices().detach(join(folder, 'absent'));
});

test('refuses to detach what a mapping holds: losetup would promise it for later', async () => {
  bound('loop5', image);
  mkdirSync(join(folder, 'sys/block/loop5/holders/dm-0'));
  await expect(devices().detach(image)).toRejectWithCode('DEVICE_BUSY');
  expect(commands).toEqual([]);
});
