/**
 * A FAKE of Microsoft Entra and Azure Key Vault at the HTTP leaf, since no registry serves an emulator. Written from the
 * public API (learn.microsoft.com/rest/api/keyvault/secrets, entra/identity-platform/certificate-credentials), not from the
 * code under test: it checks the client assertion's signature, thumbprint, audience and times, and soft-deletes.
 */
import { constants, randomUUID, verify, X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AzureFake {
  readonly address: string;
  readonly clientId: string;
  readonly tenantId: string;
  /** Certificates that the application has registered, as PEM. */
  readonly certificates: string[];
  /** Name → versions, the newest last. */
  readonly secrets: ReadonlyMap<string, readonly { readonly value: string; readonly version: string }[]>;
  readonly deleted: ReadonlyMap<string, unknown>;
  /** How often a token was given. */
  readonly logins: number;
  /** All tokens that were given are refused from now on. */
  revokeTokens(): void;
  /** The next requests to the vault get this answer. */
  failNext(times: number, status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  stop(): Promise<void>;
}

interface Version {
  readonly value: string;
  readonly version: string;
}

export async function startAzureFake(): Promise<AzureFake> {
  const clientId = randomUUID();
  const tenantId = randomUUID();
  const certificates: string[] = [];
  const secrets = new Map<string, Version[]>();
  const deleted = new Map<string, Version[]>();
  const recovering = new Map<string, number>();
  const tokens = new Set<string>();
  const usedIds = new Set<string>();
  const failures: { status: number; body: unknown; headers: Readonly<Record<string, string>> }[] = [];
  let logins = 0;

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === `/${tenantId}/oauth2/v2.0/token`) return login(body, response);
    if (/oauth2/.test(url.pathname))
      return say(response, 400, entra('invalid_request', 'AADSTS90002: Tenant not found'));
    const failure = failures.shift();
    if (failure) return say(response, failure.status, failure.body, failure.headers);
    return vault(request, url, body, response);
  });

  function login(body: string, response: ServerResponse): ServerResponse {
    const form = new URLSearchParams(body);
    const fault = assertionFault(form, {
      clientId,
      audience: `${address}/${tenantId}/oauth2/v2.0/token`,
      certificates,
      usedIds,
    });
    if (fault !== undefined) return say(response, 401, entra('invalid_client', fault));
    const token = `fake.${randomUUID()}`;
    tokens.add(token);
    logins += 1;
    return say(response, 200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: token });
  }

  function vault(request: IncomingMessage, url: URL, body: string, response: ServerResponse): ServerResponse {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!tokens.has(token))
      return say(response, 401, fault('Unauthorized', 'AKV10000: Request is missing a Bearer token.'));
    if (url.searchParams.get('api-version') !== '7.4') return say(response, 400, fault('BadParameter', 'api-version'));
    const [, kind, name = '', action] = url.pathname.split('/');
    if (!/^[0-9a-zA-Z-]{1,127}$/.test(name))
      return say(response, 400, fault('BadParameter', 'The secret name is invalid'));
    if (kind === 'deletedsecrets' && action === 'recover' && request.method === 'POST') return recover(name, response);
    if (kind !== 'secrets') return say(response, 404, fault('NotFound', 'no such resource'));
    if (request.method === 'PUT') return put(name, body, response);
    const versions = secrets.get(name);
    const left = recovering.get(name) ?? 0;
    if (left > 0) recovering.set(name, left - 1);
    const newest = versions?.at(-1);
    if (!newest || left > 0) {
      return say(
        response,
        404,
        fault('SecretNotFound', `A secret with (name/id) ${name} was not found in this key vault.`),
      );
    }
    if (request.method === 'GET') return say(response, 200, bundle(name, newest));
    secrets.delete(name);
    deleted.set(name, versions ?? []);
    return say(response, 200, {
      ...bundle(name, newest),
      value: undefined,
      recoveryId: `${address}/deletedsecrets/${name}`,
    });
  }

  function put(name: string, body: string, response: ServerResponse): ServerResponse {
    if (deleted.has(name)) {
      const message = `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused`;
      return say(response, 409, fault('Conflict', message, 'ObjectIsDeletedButRecoverable'));
    }
    const { value } = JSON.parse(body) as { value?: unknown };
    if (typeof value !== 'string' || value.length > 25_600) return say(response, 400, fault('BadParameter', 'value'));
    const made = { value, version: randomUUID().replaceAll('-', '') };
    secrets.set(name, [...(secrets.get(name) ?? []), made]);
    return say(response, 200, bundle(name, made));
  }

  function recover(name: string, response: ServerResponse): ServerResponse {
    const versions = deleted.get(name);
    if (!versions) return say(response, 404, fault('SecretNotFound', 'A deleted secret was not found'));
    deleted.delete(name);
    secrets.set(name, versions);
    // The service answers before the secret can be read again.
    recovering.set(name, 1);
    return say(response, 200, { id: `${address}/secrets/${name}` });
  }

  const bundle = (name: string, { value, version }: Version) => ({
    value,
    id: `${address}/secrets/${name}/${version}`,
    attributes: { enabled: true, recoveryLevel: 'Recoverable+Purgeable' },
  });

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    clientId,
    tenantId,
    certificates,
    secrets,
    deleted,
    get logins() {
      return logins;
    },
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

interface Registration {
  readonly clientId: string;
  readonly audience: string;
  readonly certificates: readonly string[];
  readonly usedIds: Set<string>;
}

/** Undefined for an assertion that Entra would take. */
function assertionFault(
  form: URLSearchParams,
  { clientId, audience, certificates, usedIds }: Registration,
): string | undefined {
  if (form.get('grant_type') !== 'client_credentials') return 'AADSTS70003: unsupported grant type';
  if (form.get('client_id') !== clientId) return 'AADSTS700016: Application was not found in the directory';
  if (form.get('scope') !== 'https://vault.azure.net/.default') return 'AADSTS70011: invalid scope';
  if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    return 'AADSTS50027';
  const [header = '', claims = '', signature = ''] = (form.get('client_assertion') ?? '').split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  const { alg, typ, 'x5t#S256': thumbprint } = read(header);
  if (alg !== 'PS256' || typ !== 'JWT') return 'AADSTS50027: invalid JWT';
  const known = certificates.map((pem) => new X509Certificate(pem));
  const certificate = known.find(
    ({ fingerprint256 }) => Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url') === thumbprint,
  );
  if (!certificate)
    return 'AADSTS700027: The certificate with identifier used to sign is not registered on application.';
  const key = { key: certificate.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const isSigned = verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'));
  if (!isSigned) return 'AADSTS700027: Client assertion failed signature validation.';
  const { aud, iss, sub, jti, nbf, exp } = read(claims);
  if (aud !== audience) return 'AADSTS700021: Client assertion audience does not match';
  if (iss !== clientId || sub !== clientId) return 'AADSTS50013: issuer';
  const now = Date.now() / 1_000;
  if (!(nbf <= now + 300 && exp >= now && exp - nbf <= 3_600))
    return 'AADSTS700024: Client assertion is not within its valid time range.';
  if (typeof jti !== 'string' || usedIds.has(jti)) return 'AADSTS7000222: replay';
  usedIds.add(jti);
  return undefined;
}

function entra(error: string, description: string) {
  return { error, error_description: description };
}

function fault(code: string, message: string, inner?: string) {
  return { error: { code, message, ...(inner !== undefined && { innererror: { code: inner } }) } };
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
