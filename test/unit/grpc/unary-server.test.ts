/** The unary server by a real gRPC client, and by clients that are no good. */
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { CodedError } from '../../../runtime/errors';
import { KeyManagementService } from '../../../runtime/grpc/gen/kms_v2_pb';
import { formatSocketAddress, listenOn, parseSocketAddress } from '../../../runtime/grpc/socket-address';
import {
  type UnaryHandlers,
  UnaryServer,
  type UnaryServerOptions,
  unaryMethods,
} from '../../../runtime/grpc/unary-server';
import { encodeStatusMessage, readFrame, readTimeout, writeFrame } from '../../../runtime/grpc/unary-wire';
import { type UnaryClient, unaryClient } from '../../../tools/csi-client/unary-client';

type Handlers = UnaryHandlers<typeof KeyManagementService>;

let folder: string;
let path: string;
let server: UnaryServer;
let channel: Client;
let client: UnaryClient<typeof KeyManagementService>;
let observed: string[];
let failures: CodedError[];

const echo: Handlers = {
  status: async () => ({ version: 'v2', healthz: 'ok', keyId: 'k' }),
  encrypt: async ({ plaintext }) => ({ ciphertext: plaintext, keyId: 'k' }),
  decrypt: async ({ ciphertext, annotations }) => ({ plaintext: annotations['a.b'] ?? ciphertext }),
};

async function serve(handlers: Partial<Handlers> = {}, options: UnaryServerOptions = {}): Promise<void> {
  server = new UnaryServer(unaryMethods(KeyManagementService, { ...echo, ...handlers }), {
    onCall: (rpc, code) => void observed.push(`${rpc} ${code}`),
    onFailure: (_, error) => void failures.push(error),
    ...options,
  });
  await listenOn(server.http, { kind: 'path', path }, {});
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-unary-'));
  path = join(folder, 's');
  observed = [];
  failures = [];
  channel = new Client(`unix:${path}`, credentials.createInsecure());
  client = unaryClient(KeyManagementService, channel, { timeoutMs: 10_000 });
});
afterEach(async () => {
  channel.close();
  await server.close(0);
  rmSync(folder, { recursive: true });
});

test('answers calls, many at once, each with its own message', async () => {
  await serve();
  expect(await client.status({})).toMatchObject({ version: 'v2', keyId: 'k' });
  const values = Array.from({ length: 200 }, (_, index) => Buffer.from(`value ${index}`));
  const answers = await Promise.all(values.map((plaintext) => client.encrypt({ plaintext })));
  expect(answers.map(({ ciphertext }) => Buffer.from(ciphertext))).toEqual(values);
  const annotated = { ciphertext: Buffer.from('x'), annotations: { 'a.b': Buffer.from('y') } };
  expect(Buffer.from((await client.decrypt(annotated)).plaintext).toString()).toBe('y');
  expect(observed[0]).toBe('v2.KeyManagementService/Status OK');
});

test('an error becomes its status and text, also beyond ASCII, and its cause stays here', async () => {
  const error = new CodedError('KMS_SEALED', 'Vault is sealed: 100% «zu»', {
    remedy: 'Unseal.',
    cause: new Error('inner'),
  });
  await serve({ status: () => Promise.reject(error) });
  await expect(client.status({})).rejects.toMatchObject({
    status: 'UNAVAILABLE',
    code: 'KMS_SEALED',
    details: 'KMS_SEALED: Vault is sealed: 100% «zu». Unseal.',
  });
  expect(failures).toEqual([error]);
});

test('a bug becomes INTERNAL and its text stays here', async () => {
  const status = () => {
    throw new TypeError('canary');
  };
  await serve({ status });
  await expect(client.status({})).rejects.toMatchObject({
    code: 'INTERNAL',
    details: expect.not.stringContaining('canary'),
  });
});

test('refuses a message that is too large, and serves on', async () => {
  await serve({}, { maxMessageBytes: 1_000 });
  await expect(client.encrypt({ plaintext: Buffer.alloc(100_000) })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  await expect(client.status({})).resolves.toMatchObject({ keyId: 'k' });
});

test('a handler sees the deadline of the call, and that its client has gone', async () => {
  let seen: { deadlineAt: number; isGone(): boolean } | undefined;
  let end: () => void = () => undefined;
  await serve({
    status: async (_, call) => {
      seen = call;
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return {};
    },
  });
  const hurried = unaryClient(KeyManagementService, channel, { timeoutMs: 100 });
  await expect(hurried.status({})).rejects.toMatchObject({ status: 'DEADLINE_EXCEEDED' });
  expect((seen?.deadlineAt ?? 0) - performance.now()).toBeLessThan(100);
  // Ends by the test's own limit if the server never hears of it.
  while (!seen?.isGone()) await new Promise((resolve) => setTimeout(resolve, 10));
  end();
});

test('shutting down lets running calls end and refuses new ones', async () => {
  let end: () => void = () => undefined;
  let begun: () => void = () => undefined;
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  await serve({
    status: () =>
      new Promise((resolve) => {
        end = () => resolve({ version: 'v2', healthz: 'ok', keyId: 'k' });
        begun();
      }),
  });
  const first = client.status({});
  await running;
  const closed = server.close(10_000);
  await expect(client.encrypt({})).rejects.toMatchObject({ status: 'UNAVAILABLE' });
  end();
  await expect(first).resolves.toMatchObject({ keyId: 'k' });
  await closed;
});

describe('clients that are no good', () => {
  let session: http2.ClientHttp2Session;
  const connect = () => {
    session = http2.connect('http://localhost', { createConnection: () => connectSocket(path) });
    session.on('error', () => undefined);
  };
  afterEach(() => session.destroy());
  const grpc = {
    ':method': 'POST',
    ':path': '/v2.KeyManagementService/Status',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const ask = (headers: http2.OutgoingHttpHeaders, body?: Buffer) =>
    new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
      const stream = session.request(headers);
      stream.on('response', resolve);
      stream.on('error', reject);
      stream.resume();
      if (body) stream.end(body);
    });

  test.each([
    ['an unknown method', { ':path': '/v2.KeyManagementService/Nothing' }, writeFrame(Buffer.alloc(0)), '12'],
    ['another service', { ':path': '/csi.v1.Identity/Probe' }, writeFrame(Buffer.alloc(0)), '12'],
    ['no message', {}, Buffer.alloc(0), '3'],
    ['a compressed message', {}, Buffer.from([1, 0, 0, 0, 0]), '3'],
    ['a wrong length', {}, Buffer.from([0, 0, 0, 0, 9, 1]), '3'],
    ['what is no message', { ':path': '/v2.KeyManagementService/Encrypt' }, writeFrame(Buffer.from([0xff, 0xff])), '3'],
  ])('%s is told', async (_, headers, body, code) => {
    await serve();
    connect();
    expect((await ask({ ...grpc, ...headers }, body))['grpc-status']).toBe(code);
    await expect(client.status({})).resolves.toMatchObject({ keyId: 'k' });
  });

  test('what is not gRPC is refused by HTTP', async () => {
    await serve();
    connect();
    expect((await ask({ ...grpc, 'content-type': 'application/json' }, Buffer.alloc(0)))[':status']).toBe(415);
  });

  test('a request that never ends is refused in time, and nothing is left of it', async () => {
    await serve({}, { bodyTimeoutMs: 100 });
    connect();
    expect((await ask(grpc))['grpc-status']).toBe('4');
    await expect(client.status({})).resolves.toMatchObject({ keyId: 'k' });
  });
});

test.each([
  ['3S', 3_000],
  ['250m', 250],
  ['1500u', 1.5],
  ['1H', 3_600_000],
  ['123456789S', undefined],
  ['soon', undefined],
  [undefined, undefined],
])('grpc-timeout %s is %s ms', (header, ms) => {
  expect(readTimeout(header)).toBe(ms);
});

test('a frame is read as it was written', () => {
  expect(readFrame(writeFrame(Buffer.from('abc'))).toString()).toBe('abc');
  expect(encodeStatusMessage('a%b\nü')).toBe('a%25b%0A%C3%BC');
});

test.each([
  ['unix:///run/a.sock', { kind: 'path', path: '/run/a.sock' }, 'unix:///run/a.sock'],
  ['/run/a.sock', { kind: 'path', path: '/run/a.sock' }, 'unix:///run/a.sock'],
  ['unix:///@kms', { kind: 'abstract', name: 'kms' }, 'unix:///@kms'],
  ['unix://@kms', { kind: 'abstract', name: 'kms' }, 'unix:///@kms'],
] as const)('the endpoint %s', (endpoint, address, formatted) => {
  expect(parseSocketAddress(endpoint)).toEqual(address);
  expect(formatSocketAddress(address)).toBe(formatted);
});

test.each(['kms.sock', 'unix:///@', `unix:///${'x'.repeat(120)}`, 'tcp://127.0.0.1:1'])('refuses %s', (endpoint) => {
  expect(() => parseSocketAddress(endpoint)).toThrowWithCode('CONFIG_INVALID');
});
