/** The lean HTTP client against servers of every temper; what it shares with the other one is tested in connection.test.ts. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { Code } from '../../../runtime/errors';
import { Secret } from '../../../runtime/secret';
import { VaultConnection } from '../../../runtime/vault/connection';
import { LeanOrigin } from '../../../runtime/vault/http1';
import { AnswerReader } from '../../../runtime/vault/http1-answer';
import { answer, type LocalServer, serve } from './local-server';

const get = { method: 'GET', path: 'v1/x', headers: {} } as const;
const maxBodyBytes = 1_000;

describe('an answer', () => {
  const body = '{"data":1}';
  const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"da\r\n6;x=y\r\nta":1}\r\n0\r\n`;
  const good: readonly (readonly [string, string, boolean])[] = [
    ['with a length', `HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: y\r\n\r\n${body}`, true],
    ['in chunks', `${chunked}\r\n`, true],
    ['in chunks with a trailer', `${chunked}Checksum: 1\r\nMore: 2\r\n\r\n`, true],
    ['after an interim one', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:10\r\n\r\n${body}`, true],
    ['of a server that closes', `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n${body}`, false],
    ['of HTTP/1.0', `HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n${body}`, false],
    ['with bytes behind it', `HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n${body}HTTP/1.1 200`, false],
  ];
  test.each(good)('%s is read, however it is cut', (_, text, isKeptAlive) => {
    for (const size of [1, 3, 7, text.length]) {
      const reader = new AnswerReader(maxBodyBytes);
      let found: ReturnType<AnswerReader['feed']>;
      for (let at = 0; at < text.length && !found; at += size)
        found = reader.feed(Buffer.from(text.slice(at, at + size)));
      expect(found?.body.toString()).toBe(body);
      // What is behind an answer shows only when it comes with its end.
      if (size === text.length) expect(found?.isKeptAlive).toBe(isKeptAlive);
    }
  });

  test('without a length ends with the connection', () => {
    const reader = new AnswerReader(maxBodyBytes);
    expect(reader.feed(Buffer.from(`HTTP/1.1 200 OK\r\n\r\n${body}`))).toBeUndefined();
    expect(reader.end()?.body.toString()).toBe(body);
  });

  test.each([204, 304])('of status %i has no body', (status) => {
    expect(new AnswerReader(maxBodyBytes).feed(Buffer.from(`HTTP/1.1 ${status} X\r\n\r\n`))?.body).toHaveLength(0);
  });

  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['a malformed header', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['an unknown encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
    ['a chunk without a length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['a body that is too long', 'HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n'],
    ['a chunk that is too long', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3ea\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`],
    ['an endless body without a length', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1_001)}`],
  ])('refuses %s', (_, text) => {
    expect(() => new AnswerReader(maxBodyBytes).feed(Buffer.from(text))).toThrow();
  });
});

describe('the client', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  const origin = (address: string, timeoutMs = 2_000) => {
    const made = new LeanOrigin({ address, timeoutMs });
    closers.push(() => made.close());
    return made;
  };
  /** A server of bytes. */
  async function raw(
    onRequest: (socket: Socket, count: number) => void,
  ): Promise<{ address: string; connections: () => number }> {
    let connections = 0;
    const server: Server = createServer((socket) => {
      connections += 1;
      let count = 0;
      socket.on('error', () => undefined);
      socket.on('data', () => {
        count += 1;
        onRequest(socket, count);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => server.close());
    return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections };
  }
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

  test('sends what a real server understands', async () => {
    await using server: LocalServer = await serve((_, response) => answer(response, 200, { data: 'ü' }));
    const connection = new VaultConnection({ address: `${server.address}/base/`, lean: true });
    closers.push(() => connection.close());
    const request = {
      method: 'POST',
      path: 'kv/ü',
      namespace: 'n',
      token: Secret.fromText('t'),
      body: { a: 'ü' },
    } as const;
    expect(await connection.request(request)).toEqual({ status: 200, body: { data: 'ü' } });
    expect(server.requests[0]).toMatchObject({ path: '/base/v1/kv/%C3%BC', body: '{"a":"ü"}' });
    expect(server.requests[0]?.headers).toMatchObject({ 'x-vault-token': 't', 'x-vault-namespace': 'n' });
    expect(server.requests[0]?.headers.host).toBe(server.address.replace('http://', ''));
  });

  test('uses one connection for requests one after the other, and several at once', async () => {
    const server = await raw((socket) => setTimeout(() => socket.write(ok), 10));
    const client = origin(server.address);
    for (let index = 0; index < 5; index += 1) await client.send(get);
    expect(server.connections()).toBe(1);
    await Promise.all([client.send(get), client.send(get), client.send(get)]);
    expect(server.connections()).toBe(3);
  });

  test('opens a new connection after the server closed the idle one, or sent what nobody asked for', async () => {
    const server = await raw((socket) => {
      socket.write(ok);
      setTimeout(() => socket.end('HTTP/1.1 408 Request Timeout\r\n\r\n'), 10);
    });
    const client = origin(server.address);
    await client.send(get);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(client.send(get)).resolves.toMatchObject({ status: 200 });
    expect(server.connections()).toBe(2);
  });

  const bad: readonly (readonly [string, (socket: Socket) => void, Code])[] = [
    ['closes at once', (socket: Socket) => void socket.destroy(), 'KMS_UNREACHABLE'],
    ['closes in the middle', (socket: Socket) => void socket.end(ok.slice(0, -1)), 'KMS_UNREACHABLE'],
    [
      'sends a byte now and then',
      (socket: Socket) => void setInterval(() => socket.writable && socket.write('H'), 20).unref(),
      'KMS_TIMEOUT',
    ],
    ['never answers', () => undefined, 'KMS_TIMEOUT'],
    ['speaks another protocol', (socket: Socket) => void socket.write('220 smtp ready\r\n\r\n'), 'KMS_ANSWER_INVALID'],
    [
      'sends without end',
      (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(2_000_000)}`),
      'KMS_ANSWER_INVALID',
    ],
  ];
  test.each(bad)('a server that %s', async (_, behave, code) => {
    const server = await raw(behave);
    await expect(origin(server.address, 300).send(get)).toRejectWithCode(code);
  });

  test('a request that is given up ends its connection only', async () => {
    const server = await raw((socket, count) => void (count === 1 && setTimeout(() => socket.write(ok), 100)));
    const client = origin(server.address);
    const controller = new AbortController();
    const given = client.send({ ...get, signal: controller.signal });
    const other = client.send(get);
    controller.abort();
    await expect(given).toRejectWithCode('ABORTED');
    await expect(other).resolves.toMatchObject({ status: 200 });
    await expect(client.send({ ...get, signal: AbortSignal.abort() })).toRejectWithCode('ABORTED');
  });

  test('nobody listens, no such host', async () => {
    for (const address of ['http://127.0.0.1:1', 'http://vault.invalid:8200']) {
      await expect(origin(address).send(get)).toRejectWithCode('KMS_UNREACHABLE');
    }
  });

  test('a token with a line break smuggles no header in', async () => {
    const headers = { 'X-Vault-Token': 't\r\nX-Other: 1' };
    await expect(origin('http://127.0.0.1:1').send({ ...get, headers })).toRejectWithCode('CONFIG_INVALID');
  });
});
