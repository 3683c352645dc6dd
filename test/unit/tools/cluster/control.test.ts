import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askBox, NoBoxError } from '../../../../tools/cluster/control-client';
import { type Operators, serveControl } from '../../../../tools/cluster/control-server';

const folder = mkdtempSync(join(tmpdir(), 'kw-'));
const path = join(folder, 'control');
const nothing = async () => ({});

/** What a box would do; two of them are looked at. */
const operators: Operators = {
  status: () => Promise.reject(new Error('it was hit')),
  credentials: async () => ({ adminToken: 'admin', openBaoToken: 'root' }),
  run: async ({ node, argv }) => ({ exitCode: 3, stdout: `${node}: ${argv.join(' ')}`, stderr: '' }),
  ceph: async ({ argv }) => ({ exitCode: 0, stdout: argv.join(' '), stderr: '' }),
  importImage: nothing,
  killNode: nothing,
  bootNode: nothing,
  halt: nothing,
  resume: nothing,
  restartApiServer: nothing,
  start: nothing,
  stop: nothing,
};

let server: { close(): void };
beforeAll(async () => {
  server = await serveControl(path, operators);
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test('brings a request to its operation, and the answer back', async () => {
  const request = { node: 'node-1', argv: ['echo', 'ä\n'.repeat(50_000)] };
  const { exitCode, stdout } = await askBox(path, 'run', request);
  expect(exitCode).toBe(3);
  expect(stdout).toBe(`node-1: echo ${request.argv[1]}`);
});

test('brings back the reason of a failure', async () => {
  await expect(askBox(path, 'status', {})).rejects.toThrow('it was hit');
});

test('answers this user only', () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('rejects with NoBoxError where nobody listens, and where a box ends before it answers', async () => {
  await expect(askBox(join(folder, 'none'), 'status', {})).rejects.toThrow(NoBoxError);
  const dying = join(folder, 'dying');
  const dies = createServer((socket) => socket.destroy()).listen(dying);
  await expect(askBox(dying, 'status', {})).rejects.toThrow(NoBoxError);
  await new Promise((resolve) => dies.close(resolve));
});
