import type { Code } from '../../../runtime/errors';
import { Secret } from '../../../runtime/secret';
import { givenTokenAuth } from '../../../runtime/vault/auth/given-token';
import { VaultClient } from '../../../runtime/vault/client';
import { Transit } from '../../../runtime/vault/transit';
import { itemFault } from '../../../runtime/vault/transit-errors';
import { answer, type Handler, serve } from './local-server';

/** A transit engine that answers each request for the key as the test says; the token is always good. */
async function withTransit<T>(handler: Handler, use: (transit: Transit) => Promise<T>, namespace = ''): Promise<T> {
  await using server = await serve((request, response, body) => {
    if (request.url?.endsWith('lookup-self')) answer(response, 200, { data: { ttl: 0 } });
    else handler(request, response, body);
  });
  const auth = givenTokenAuth({ token: Secret.fromText('t'), namespace: '' });
  const client = new VaultClient({ address: server.address, timeoutMs: 2_000 }, auth);
  try {
    return await use(new Transit(client, { namespace, mount: 'transit', key: 'kms' }));
  } finally {
    client.close();
  }
}

const signal = AbortSignal.timeout(60_000);
const limit = { timeoutMs: 60_000 };
const results =
  (status: number, list: unknown): Handler =>
  (_, response) =>
    answer(response, status, { data: { batch_results: list } });

test('sends one batch, below the namespace, and gives outcomes in order', async () => {
  const paths: string[] = [];
  const handler: Handler = (request, response, body) => {
    paths.push(request.url ?? '');
    const { batch_input } = JSON.parse(body) as { batch_input: { plaintext: string }[] };
    answer(response, 200, {
      data: { batch_results: batch_input.map(({ plaintext }) => ({ ciphertext: `vault:v1:${plaintext}` })) },
    });
  };
  const outcomes = await withTransit(
    handler,
    (transit) => transit.encrypt([Buffer.from('a'), Buffer.from('b')], limit),
    'team/a',
  );
  expect(outcomes).toEqual([
    { ok: true, value: 'vault:v1:YQ==' },
    { ok: true, value: 'vault:v1:Yg==' },
  ]);
  expect(paths).toEqual(['/v1/team/a/transit/encrypt/kms']);
});

test.each([400, 500, 202])('status %i with results is an answer: each item has its own outcome', async (status) => {
  const list = [{ plaintext: 'YQ==' }, { error: 'cipher: message authentication failed' }];
  const outcomes = await withTransit(results(status, list), (transit) =>
    transit.decrypt(['vault:v1:x', 'vault:v1:y'], limit),
  );
  expect(outcomes).toMatchObject([
    { ok: true, value: Buffer.from('a') },
    { ok: false, error: { code: 'KMS_CIPHERTEXT_INVALID' } },
  ]);
});

test.each([
  ['fewer results than items', results(200, [])],
  ['results that are no list', results(200, {})],
  ['no results', (_, response) => answer(response, 200, { data: {} })],
] as readonly (readonly [string, Handler])[])('refuses an answer with %s', async (_, handler) => {
  await expect(withTransit(handler, (transit) => transit.decrypt(['vault:v1:x'], limit))).toRejectWithCode(
    'KMS_ANSWER_INVALID',
  );
});

test('an item without a result is an error of that item', async () => {
  const [outcome] = await withTransit(results(200, [{}]), (transit) => transit.encrypt([Buffer.from('a')], limit));
  expect(outcome).toMatchObject({ ok: false, error: { code: 'KMS_ANSWER_INVALID' } });
});

test.each([
  [400, { errors: ['encryption key not found'] }, 'KMS_KEY_NOT_FOUND'],
  [400, { errors: ['something else'] }, 'KMS_DENIED'],
  [403, { errors: ['permission denied'] }, 'KMS_DENIED'],
  [404, { errors: ['no handler for route "transit/encrypt/kms"'] }, 'CONFIG_INVALID'],
  [503, { errors: ['Vault is sealed'] }, 'KMS_SEALED'],
] as const)('a refused request: status %i with %j is %s', async (status, body, code) => {
  const handler: Handler = (_, response) => answer(response, status, body);
  await expect(withTransit(handler, (transit) => transit.encrypt([Buffer.from('a')], limit))).toRejectWithCode(code);
});

// Texts of OpenBao 2.4 and Vault 1.15, as their sources have them.
test.each([
  ['cipher: message authentication failed', 'KMS_CIPHERTEXT_INVALID'],
  ['invalid ciphertext: no prefix', 'KMS_CIPHERTEXT_INVALID'],
  ['invalid ciphertext: version is too new', 'KMS_CIPHERTEXT_INVALID'],
  ['invalid ciphertext: could not decode base64', 'KMS_CIPHERTEXT_INVALID'],
  ['ciphertext or signature version is disallowed by policy (too old)', 'KMS_DENIED'],
  ['message decryption not supported for key type ed25519', 'CONFIG_INVALID'],
  ["missing 'context' for key derivation; the key was created using a derived key", 'CONFIG_INVALID'],
  ['an error of a later release', 'KMS_DENIED'],
] as const satisfies readonly (readonly [string, Code])[])('%s is %s', (text, code) => {
  expect(itemFault(text, 'POST').code).toBe(code);
});

test.each([
  [
    'symmetric',
    { 1: 100, 2: 200 },
    new Map([
      [1, 100],
      [2, 200],
    ]),
  ],
  ['asymmetric', { 1: { creation_time: '1970-01-01T00:01:40.5Z' } }, new Map([[1, 100]])],
])('reads a key that is %s', async (_, keys, versionsMadeAt) => {
  const data = { type: 'x', latest_version: 2, supports_encryption: true, supports_decryption: true, keys };
  const handler: Handler = (__, response) => answer(response, 200, { data });
  expect(await withTransit(handler, (transit) => transit.describe(signal))).toMatchObject({
    versionsMadeAt,
    derived: false,
  });
});

test('a key that is not there is KMS_KEY_NOT_FOUND', async () => {
  const handler: Handler = (_, response) => answer(response, 404, { errors: [] });
  await expect(withTransit(handler, (transit) => transit.describe(signal))).toRejectWithCode('KMS_KEY_NOT_FOUND');
});
