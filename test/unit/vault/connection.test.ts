import { Secret } from '../../../runtime/secret';
import { joinPath, VaultConnection, type VaultRequest } from '../../../runtime/vault/connection';
import type { OriginOptions } from '../../../runtime/vault/http';
import { answer, type Handler, type LocalServer, serve } from './local-server';

const get: VaultRequest = { method: 'GET', path: 'kv/data/pvc-1' };

async function ask(handler: Handler, request: Partial<VaultRequest> = {}, options: Partial<OriginOptions> = {}) {
  await using server = await serve(handler);
  const connection = new VaultConnection({ address: server.address, timeoutMs: 2_000, ...options });
  try {
    return await connection.request({ ...get, ...request });
  } finally {
    connection.close();
  }
}

const refusing =
  (status: number, body: unknown = { errors: [] }, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    answer(response, status, body, headers);

test.each([
  [400, { errors: ['invalid role name "x"'] }, 'KMS_DENIED'],
  [400, { errors: ['Upgrading from non-versioned to versioned data.'] }, 'KMS_UNREACHABLE'],
  [401, { errors: [] }, 'KMS_DENIED'],
  [403, { errors: ['permission denied'] }, 'KMS_DENIED'],
  [404, { errors: ['no handler for route "kv/data/x"'] }, 'CONFIG_INVALID'],
  [404, { errors: [], warnings: ['Invalid path for a versioned K/V secrets engine.'] }, 'CONFIG_INVALID'],
  [405, { errors: ['unsupported operation'] }, 'CONFIG_INVALID'],
  [408, {}, 'KMS_UNREACHABLE'],
  [412, { errors: ['required index state not present'] }, 'KMS_UNREACHABLE'],
  [429, { errors: ['rate limit quota exceeded'] }, 'KMS_THROTTLED'],
  [429, '<html>slow down</html>', 'KMS_THROTTLED'],
  [472, {}, 'KMS_UNREACHABLE'],
  [307, '', 'KMS_UNREACHABLE'],
  [500, { errors: ['local node not active but active cluster node not found'] }, 'KMS_UNREACHABLE'],
  [502, '<html>bad gateway</html>', 'KMS_UNREACHABLE'],
  [503, { errors: ['Vault is sealed'] }, 'KMS_SEALED'],
  [503, { errors: ['error performing token check: Vault is sealed'] }, 'KMS_SEALED'],
  [503, 'no healthy upstream', 'KMS_UNREACHABLE'],
  [400, 'Client sent an HTTP request to an HTTPS server.', 'KMS_ANSWER_INVALID'],
  [404, '<html>not found</html>', 'KMS_ANSWER_INVALID'],
  [200, '<html>welcome</html>', 'KMS_ANSWER_INVALID'],
  [200, '{"data":', 'KMS_ANSWER_INVALID'],
])('status %i with %j is told as %s', async (status, body, code) => {
  await expect(ask(refusing(status, body))).toRejectWithCode(code);
});

test('a 404 without a complaint is an answer where absence is one', async () => {
  await expect(ask(refusing(404), { absentIsAnswer: true })).resolves.toMatchObject({ status: 404 });
  await expect(ask(refusing(404, { errors: ['no handler'] }), { absentIsAnswer: true })).toRejectWithCode(
    'CONFIG_INVALID',
  );
});

test.each([
  ['7', 7_000],
  ['0', undefined],
  ['soon', undefined],
])('Retry-After %s is a wish of %s ms', async (header, retryAfterMs) => {
  const error = await ask(refusing(429, { errors: [] }, { 'retry-after': header })).catch((reason: unknown) => reason);
  expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs);
});

test('Retry-After may be a date', async () => {
  const header = { 'retry-after': new Date(Date.now() + 60_000).toUTCString() };
  const error = await ask(refusing(503, { errors: [] }, header)).catch((reason: unknown) => reason);
  expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(50_000);
});

test('a server that repeats what it was sent brings no secret into the error (R11)', async () => {
  const request = {
    method: 'PUT',
    token: Secret.fromText('s.verysecrettoken'),
    body: { role: 'csi-kubernetes', data: { passphrase: 'the-key-of-the-volume' } },
    showable: ['role'],
  } as const;
  const echo: Handler = ({ headers }, response, body) => {
    answer(response, 400, {
      errors: [`cannot convert ${body} of ${headers['x-vault-token']} for csi-kubernetes`],
      data: body,
    });
  };
  const error = await ask(echo, request).catch((reason: unknown) => reason);
  const shown = `${(error as Error).stack} ${JSON.stringify(error)}`;
  expect(shown).not.toContain('the-key-of-the-volume');
  expect(shown).not.toContain('s.verysecrettoken');
  expect(shown).toContain('csi-kubernetes');
});

test('an unreadable answer brings none of its text into the error (R11)', async () => {
  const error = await ask(refusing(200, '{"data":{"passphrase":"the-key"')).catch((reason: unknown) => reason);
  expect(`${(error as Error).stack} ${JSON.stringify(error)} ${(error as Error).cause}`).not.toContain('the-key');
});

test('a server that sends a byte now and then ends in KMS_TIMEOUT', async () => {
  const loris: Handler = (_, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  };
  await expect(ask(loris, {}, { timeoutMs: 300 })).toRejectWithCode('KMS_TIMEOUT');
});

test('a server that never answers ends in KMS_TIMEOUT, and in ABORTED when the caller gives up', async () => {
  await expect(ask(() => undefined, {}, { timeoutMs: 100 })).toRejectWithCode('KMS_TIMEOUT');
  await expect(ask(() => undefined, { signal: AbortSignal.timeout(100) })).toRejectWithCode('KMS_TIMEOUT');
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  await expect(ask(() => undefined, { signal: controller.signal })).toRejectWithCode('ABORTED');
  await expect(ask(() => undefined, { signal: AbortSignal.abort() })).toRejectWithCode('ABORTED');
});

test('an answer of more than 1 MiB is refused', async () => {
  await expect(ask(refusing(200, `"${'x'.repeat(1024 * 1024)}"`))).toRejectWithCode('KMS_ANSWER_INVALID');
  await expect(ask(refusing(200, `"${'x'.repeat(1024 * 1024 - 2)}"`))).resolves.toMatchObject({ status: 200 });
});

test('a connection that breaks in the middle of the answer is KMS_UNREACHABLE', async () => {
  const breaking: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"data"');
    setTimeout(() => response.destroy(), 20);
  };
  await expect(ask(breaking)).toRejectWithCode('KMS_UNREACHABLE');
});

test('TLS towards a server without it is KMS_TLS_UNTRUSTED', async () => {
  await using server = await serve(refusing(200, {}));
  const connection = new VaultConnection({ address: server.address.replace('http:', 'https:') });
  await expect(connection.request(get)).toRejectWithCode('KMS_TLS_UNTRUSTED');
});

test('nobody listens, no such host: KMS_UNREACHABLE', async () => {
  for (const address of ['http://127.0.0.1:1', 'http://vault.invalid:8200']) {
    await expect(new VaultConnection({ address }).request(get)).toRejectWithCode('KMS_UNREACHABLE');
  }
});

test.each(['vault:8200', 'ftp://vault', '', 'https://'])('refuses the address %j', (address) => {
  expect(() => new VaultConnection({ address })).toThrowWithCode('CONFIG_INVALID');
});

test.each(['', 'text', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])(
  'refuses the CA %j',
  (caPem) => {
    const options = { address: 'https://vault:8200', tls: { verify: true, caPem } };
    expect(() => new VaultConnection(options)).toThrowWithCode('CONFIG_INVALID');
  },
);

describe('requests', () => {
  let server: LocalServer;
  let connection: VaultConnection;
  beforeAll(async () => {
    server = await serve(refusing(200, {}));
    connection = new VaultConnection({ address: `${server.address}/base/` });
  });
  afterAll(async () => {
    connection.close();
    await server[Symbol.asyncDispose]();
  });

  test('keep the base path of the address and encode each segment', async () => {
    await connection.request({ ...get, path: 'team-a/kv/data/pvc ü%2F?a' });
    expect(server.requests.at(-1)?.path).toBe('/base/v1/team-a/kv/data/pvc%20%C3%BC%252F%3Fa');
  });

  test('carry namespace and token only when they have one', async () => {
    await connection.request({ ...get, namespace: 'team-a', token: Secret.fromText('t') });
    expect(server.requests.at(-1)?.headers).toMatchObject({ 'x-vault-namespace': 'team-a', 'x-vault-token': 't' });
    await connection.request({ ...get, namespace: '' });
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('x-vault-namespace');
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('x-vault-token');
  });
});

test('paths are joined without empty segments', () => {
  expect(joinPath('', '/team-a/', 'secret/', 'data', 'a//b')).toBe('team-a/secret/data/a/b');
});
