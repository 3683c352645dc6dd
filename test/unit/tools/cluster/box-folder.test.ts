import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bringUp, lookAt, takeDown } from '../../../../tools/cluster/box-folder';
import { boxLayout } from '../../../../tools/cluster/layout';
import { startBox } from '../../../../tools/cluster/start-box';

const parent = mkdtempSync(join(tmpdir(), 'kw-'));
let count = 0;
let folder = '';
beforeEach(() => {
  folder = join(parent, String(count++));
});
afterAll(() => rmSync(parent, { recursive: true }));

test('finds no cluster in a folder that is not there, and nothing to take down', async () => {
  expect(await lookAt(folder)).toBeUndefined();
  expect(await takeDown(folder)).toBe(false);
});

test('takes down what a killed cluster has left', async () => {
  const { logs, log, control, pid } = boxLayout(folder);
  mkdirSync(logs, { recursive: true });
  writeFileSync(log, '');
  // A number that another process has by now.
  writeFileSync(pid, String(process.pid));
  const server = createServer().listen(control);
  await new Promise((resolve) => server.close(resolve));
  expect(await lookAt(folder)).toBeUndefined();
  expect(await takeDown(folder)).toBe(true);
  expect(await takeDown(folder)).toBe(false);
});

test.each([
  ['to remove', () => takeDown(folder)],
  ['to start in', () => bringUp(folder, {})],
])('refuses %s a folder that holds something else', async (_, act) => {
  const file = join(folder, 'mine');
  mkdirSync(folder);
  writeFileSync(file, 'precious');
  await expect(act()).rejects.toThrow('not the folder of a cluster');
  expect(readFileSync(file, 'utf8')).toBe('precious');
});

test.each([
  ['too long for the sockets in it', '/tmp/'.padEnd(51, 'x')],
  ['with a space, which the kernel of a guest takes for an end', '/tmp/a cluster'],
])('refuses a folder %s', async (_, path) => {
  await expect(startBox(path, {})).rejects.toThrow('the folder of a box');
});
