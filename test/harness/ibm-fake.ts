/**
 * A FAKE of IBM Cloud IAM and Key Protect at the HTTP leaf, since no such server exists outside IBM. Written from the public
 * API (cloud.ibm.com/apidocs/key-protect, cloud.ibm.com/docs/key-protect?topic=key-protect-error-messages), not from the
 * code under test. Root keys wrap with AES-256-GCM; the ciphertext is opaque base64 text, as the service's is.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface IbmFake {
  readonly address: string;
  readonly tokenUrl: string;
  readonly instanceId: string;
  readonly apiKey: string;
  readonly rootKeyId: string;
  /** How often a token was given. */
  readonly logins: number;
  /** Makes another root key, from these bytes when given, in a state: 1 active, 2 suspended, 5 destroyed. */
  addRootKey(state?: 1 | 2 | 5, bytes?: Buffer): string;
  revokeTokens(): void;
  /** The next requests to Key Protect get this answer. */
  failNext(times: number, status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  stop(): Promise<void>;
}

interface RootKey {
  readonly bytes: Buffer;
  readonly state: 1 | 2 | 5;
}

export async function startIbmFake(): Promise<IbmFake> {
  const instanceId = randomUUID();
  const apiKey = randomBytes(33).toString('base64url');
  const keys = new Map<string, RootKey>();
  const tokens = new Set<string>();
  const failures: { status: number; body: unknown; headers: Readonly<Record<string, string>> }[] = [];
  let logins = 0;
  const addRootKey: IbmFake['addRootKey'] = (state = 1, bytes = randomBytes(32)) => {
    const id = randomUUID();
    keys.set(id, { bytes, state });
    return id;
  };
  const rootKeyId = addRootKey();

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    if (request.url === '/oidc/token') return login(body, response);
    const failure = failures.shift();
    if (failure) return say(response, failure.status, failure.body, failure.headers);
    return act(request.url ?? '', request.headers, body, response);
  });

  function login(body: string, response: ServerResponse): ServerResponse {
    const form = new URLSearchParams(body);
    if (form.get('grant_type') !== 'urn:ibm:params:oauth:grant-type:apikey' || form.get('apikey') !== apiKey) {
      return say(response, 400, { errorCode: 'BXNIM0415E', errorMessage: 'Provided API key could not be found.' });
    }
    const token = `fake.${randomUUID()}`;
    tokens.add(token);
    logins += 1;
    return say(response, 200, {
      access_token: token,
      refresh_token: 'x',
      token_type: 'Bearer',
      expires_in: 3600,
      expiration: 1,
    });
  }

  function act(url: string, headers: IncomingHttpHeaders, body: string, response: ServerResponse): ServerResponse {
    const [, keyId = '', action] = /^\/api\/v2\/keys\/([^/]+)\/actions\/(wrap|unwrap)$/.exec(url) ?? [];
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!tokens.has(token)) return say(response, 401, fault('UNAUTHORIZED_ERR', 'Unauthorized'));
    if (headers['bluemix-instance'] !== instanceId) return say(response, 403, fault('FORBIDDEN_ERR', 'Forbidden'));
    const key = keys.get(decodeURIComponent(keyId));
    if (!key) return say(response, 404, fault('KEY_NOT_FOUND_ERR', 'Key does not exist'));
    if (key.state === 5) return say(response, 410, fault('KEY_DELETED_ERR', 'Key has already been deleted'));
    if (key.state !== 1)
      return say(response, 409, fault('KEY_ACTION_INVALID_STATE_ERR', 'Key is not in a valid state'));
    const input = JSON.parse(body) as { plaintext?: string; ciphertext?: string; aad?: readonly string[] };
    const aad = Buffer.from(JSON.stringify(input.aad ?? []));
    const result = action === 'wrap' ? wrap(key, input.plaintext, aad) : unwrap(key, input.ciphertext, aad);
    if (result === undefined)
      return say(response, 422, fault('UNPROCESSABLE_CIPHERTEXT_ERR', 'The provided ciphertext is invalid'));
    return 'invalid' in result
      ? say(response, 400, fault('INVALID_FIELD_ERR', 'not base64'))
      : say(response, 200, result);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    tokenUrl: `${address}/oidc/token`,
    instanceId,
    apiKey,
    rootKeyId,
    get logins() {
      return logins;
    },
    addRootKey,
    revokeTokens: () => tokens.clear(),
    failNext(times, status, body, headers = {}) {
      for (let each = 0; each < times; each += 1) failures.push({ status, body, headers });
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Outcome = { readonly plaintext?: string; readonly ciphertext?: string } | { readonly invalid: true } | undefined;

/** A wrap without plaintext makes a key of its own; keyward never asks for that. */
function wrap({ bytes }: RootKey, plaintext: string | undefined, aad: Buffer): Outcome {
  if (plaintext === undefined || Buffer.from(plaintext, 'base64').toString('base64') !== plaintext)
    return { invalid: true };
  const nonce = randomBytes(12);
  const sealer = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(aad);
  const sealed = Buffer.concat([sealer.update(Buffer.from(plaintext, 'base64')), sealer.final()]);
  return { ciphertext: Buffer.concat([nonce, sealer.getAuthTag(), sealed]).toString('base64') };
}

function unwrap({ bytes }: RootKey, ciphertext: string | undefined, aad: Buffer): Outcome {
  const whole = Buffer.from(ciphertext ?? '', 'base64');
  if (whole.length < 29) return undefined;
  try {
    const opener = createDecipheriv('aes-256-gcm', bytes, whole.subarray(0, 12)).setAAD(aad);
    opener.setAuthTag(whole.subarray(12, 28));
    return { plaintext: Buffer.concat([opener.update(whole.subarray(28)), opener.final()]).toString('base64') };
  } catch {
    return undefined;
  }
}

function fault(code: string, message: string) {
  return {
    metadata: { collectionType: 'application/vnd.ibm.kms.error+json', collectionTotal: 1 },
    resources: [
      { errorMsg: `${message}. Please see \`reasons\` for more details.`, reasons: [{ code, message, status: 0 }] },
    ],
  };
}

function say(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ServerResponse {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  return response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
