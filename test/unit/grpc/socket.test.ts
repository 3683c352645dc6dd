import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveOnSocket } from '../../../runtime/grpc/server';
import { clearStaleSocket, socketPath } from '../../../runtime/grpc/socket';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-socket-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the endpoint', () => {
  test('is a unix socket with an absolute path', () => {
    expect(socketPath('unix:///csi/csi.sock')).toBe('/csi/csi.sock');
    expect(socketPath('/csi/csi.sock')).toBe('/csi/csi.sock');
    for (const wrong of ['tcp://127.0.0.1:1', 'unix://csi.sock', 'csi.sock', '']) {
      expect(() => socketPath(wrong)).toThrowWithCode('CONFIG_INVALID');
    }
  });

  test('has at most the 107 bytes that fit into sun_path; bytes count, not characters', () => {
    expect(socketPath(`/${'a'.repeat(106)}`)).toHaveLength(107);
    expect(() => socketPath(`/${'a'.repeat(107)}`)).toThrowWithCode('CONFIG_INVALID');
    expect(() => socketPath(`/${'ä'.repeat(54)}`)).toThrowWithCode('CONFIG_INVALID');
  });
});

describe('what is at the path already', () => {
  test('nothing: the folder is made', async () => {
    await clearStaleSocket(join(folder, 'a/b/csi.sock'));
    expect(statSync(join(folder, 'a/b')).isDirectory()).toBe(true);
  });

  test('a file is kept and refused', async () => {
    const path = join(folder, 'csi.sock');
    writeFileSync(path, 'precious');
    await expect(clearStaleSocket(path)).toRejectWithCode('SOCKET_OCCUPIED');
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  test('a symbolic link is kept and refused, wherever it leads', async () => {
    const path = join(folder, 'csi.sock');
    symlinkSync('/nowhere', path);
    await expect(clearStaleSocket(path)).toRejectWithCode('SOCKET_OCCUPIED');
  });

  test('a socket on which somebody answers is kept and refused', async () => {
    const path = join(folder, 'csi.sock');
    const server = createServer().listen(path);
    await once(server, 'listening');
    await expect(clearStaleSocket(path)).toRejectWithCode('SOCKET_OCCUPIED');
    expect(existsSync(path)).toBe(true);
    server.close();
  });

  test('R10: the socket of a killed process is removed', async () => {
    const path = join(folder, 'csi.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'close');
    expect(statSync(path).isSocket()).toBe(true);
    await clearStaleSocket(path);
    expect(existsSync(path)).toBe(false);
  });
});

test('a server takes a socket of mode 0600 and removes it when it closes', async () => {
  const path = join(folder, 'csi.sock');
  const server = await serveOnSocket(path, []);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await expect(serveOnSocket(path, [])).toRejectWithCode('SOCKET_OCCUPIED');
  await server.close();
  expect(existsSync(path)).toBe(false);
});
