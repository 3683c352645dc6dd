/** The thin Kubernetes client against a TLS server that does what no healthy API server would. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubernetesAccess, ownNamespace } from '../../../runtime/kubernetes/access';
import { KubernetesClient, path } from '../../../runtime/kubernetes/client';
import { createToken, readConfigMap, readSecret } from '../../../runtime/kubernetes/objects';
import { createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';

const name = { namespace: 'shop', name: 'token' };
const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, headers);
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};

describeWith(['openssl'], 'the Kubernetes client', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-kubernetes-'));
  const [caFile, tokenFile] = [join(folder, 'ca.pem'), join(folder, 'token')];
  let server: Server;
  let address: string;
  let handle: (request: IncomingMessage, response: ServerResponse) => void;
  let connections = 0;
  const clients: KubernetesClient[] = [];

  beforeAll(async () => {
    const authority = await createCertificateAuthority(folder);
    const { certificateFile, keyFile } = await authority.issueServer('api');
    writeFileSync(caFile, authority.caPem);
    server = createServer({ cert: readFileSync(certificateFile), key: readFileSync(keyFile) }, (request, response) =>
      handle(request, response),
    );
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => writeFileSync(tokenFile, 'a-token\n'));
  afterAll(() => {
    for (const client of clients) client.close();
    server?.closeAllConnections();
    server?.close();
    rmSync(folder, { recursive: true });
  });
  const connect = (more: object = {}) => {
    const client = new KubernetesClient({ address, caFile, tokenFile, timeoutMs: 500, ...more });
    clients.push(client);
    return client;
  };

  test('reads a Secret decoded and not trimmed, over one kept connection', async () => {
    handle = (request, response) => {
      expect(request.url).toBe('/api/v1/namespaces/shop/secrets/token');
      expect(request.headers.authorization).toBe('Bearer a-token');
      send(response, 200, { data: { token: Buffer.from('ü\n').toString('base64') } });
    };
    const [client, before] = [connect(), connections];
    for (let round = 0; round < 3; round += 1) {
      const found = await readSecret(client, name);
      expect(found?.get('token')?.use((bytes) => bytes.toString())).toBe('ü\n');
    }
    expect(connections - before).toBe(1);
  });

  test('404 is no error; an object without data is empty', async () => {
    handle = (_, response) => send(response, 404, { kind: 'Status' });
    expect(await readSecret(connect(), name)).toBeUndefined();
    expect(await createToken(connect(), name)).toBeUndefined();
    handle = (_, response) => send(response, 200, {});
    expect(await readConfigMap(connect(), name)).toEqual({});
    expect((await readSecret(connect(), name))?.size).toBe(0);
  });

  test.each([
    [401, 'KMS_DENIED'],
    [403, 'KMS_DENIED'],
    [408, 'KMS_UNREACHABLE'],
    [409, 'CONFIG_INVALID'],
    [422, 'CONFIG_INVALID'],
    [301, 'CONFIG_INVALID'],
    [429, 'KMS_THROTTLED'],
    [500, 'KMS_UNREACHABLE'],
    [503, 'KMS_UNREACHABLE'],
  ])('%i is %s, and nothing of its body is shown', async (status, code) => {
    handle = (_, response) => send(response, status, { message: 'canary-in-body' }, { 'retry-after': '7' });
    const error: unknown = await readSecret(connect(), name).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, retryAfterMs: 7_000 });
    expect(String(error)).not.toContain('canary-in-body');
  });

  test.each([
    ['text', 'canary{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['data that is no base64', { data: { token: 'canary!' } }],
    ['data of another type', { data: { token: 1 } }],
    ['data that is a list', { data: ['canary'] }],
    ['nothing', ''],
  ])('an answer that is %s is KMS_ANSWER_INVALID, and is not shown', async (_, body) => {
    handle = (__, response) => send(response, 200, body);
    const error: unknown = await readSecret(connect(), name).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'KMS_ANSWER_INVALID' });
    expect(String(error)).not.toContain('canary');
  });

  test.each([
    ['silence', () => undefined],
    [
      'a byte now and then',
      (response: ServerResponse) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(' '), 50);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('%s is KMS_TIMEOUT', async (_, act) => {
    handle = (__, response) => act(response);
    await expect(readSecret(connect(), name)).toRejectWithCode('KMS_TIMEOUT');
  });

  test('an endless answer is cut off', async () => {
    handle = (_, response) => {
      response.writeHead(200);
      const block = Buffer.alloc(256 * 1024, 32);
      const more = () => {
        while (response.writable && response.write(block));
        if (response.writable) response.once('drain', more);
      };
      response.on('error', () => undefined);
      more();
    };
    await expect(readSecret(connect({ timeoutMs: 10_000 }), name)).toRejectWithCode('KMS_ANSWER_INVALID');
  });

  test('a kept connection that the server closed is not noticed by the caller', async () => {
    const client = connect({ timeoutMs: 5_000 });
    let served = 0;
    handle = (request, response) => {
      served += 1;
      if (served === 2) request.socket.destroy();
      else send(response, 200, {});
    };
    await readConfigMap(client, name);
    await expect(readConfigMap(client, name)).resolves.toEqual({});
    expect(served).toBe(3);
    handle = (request) => request.socket.destroy();
    await expect(readConfigMap(client, name)).toRejectWithCode('KMS_UNREACHABLE');
  });

  test('reads the token again when it is refused, and each minute', async () => {
    const seen: (string | undefined)[] = [];
    handle = (request, response) => {
      seen.push(request.headers.authorization);
      send(response, request.headers.authorization === 'Bearer a-token' ? 401 : 200, {});
    };
    let now = 0;
    const client = connect({ now: () => now });
    await expect(readConfigMap(client, name)).toRejectWithCode('KMS_DENIED');
    writeFileSync(tokenFile, 'second');
    await readConfigMap(client, name);
    writeFileSync(tokenFile, 'third');
    await readConfigMap(client, name);
    now += 60_001;
    await readConfigMap(client, name);
    expect(seen).toEqual(
      ['a-token', 'a-token', 'a-token', 'second', 'second', 'third'].map((token) => `Bearer ${token}`),
    );
  });

  test.each([
    ['no token', () => rmSync(tokenFile), 'CONFIG_UNREADABLE'],
    ['an empty token', () => writeFileSync(tokenFile, ' \n'), 'CONFIG_UNREADABLE'],
    ['a token with a line end inside', () => writeFileSync(tokenFile, 'a\r\nb'), 'CONFIG_UNREADABLE'],
  ])('%s is told', async (_, spoil, code) => {
    spoil();
    await expect(readConfigMap(connect(), name)).toRejectWithCode(code);
  });

  test('trusts the CA of its file and no other; a port where nobody is', async () => {
    const other = join(folder, 'other.pem');
    writeFileSync(other, (await createCertificateAuthority(folder)).caPem);
    await expect(readConfigMap(connect({ caFile: other }), name)).toRejectWithCode('KMS_TLS_UNTRUSTED');
    await expect(readConfigMap(connect({ address: 'https://127.0.0.1:1' }), name)).toRejectWithCode('KMS_UNREACHABLE');
    writeFileSync(other, 'none');
    await expect(readConfigMap(connect({ caFile: other }), name)).toRejectWithCode('CONFIG_UNREADABLE');
  });

  test('ends with ABORTED when the caller gives up, and with SHUTTING_DOWN after close', async () => {
    handle = () => undefined;
    const controller = new AbortController();
    const call = readConfigMap(connect({ timeoutMs: 5_000 }), name, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await expect(call).toRejectWithCode('ABORTED');
    const client = connect();
    client.close();
    await expect(readConfigMap(client, name)).toRejectWithCode('SHUTTING_DOWN');
  });
});

describe('where the Kubernetes API is', () => {
  test('in a pod: from its environment, also with IPv6', () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    expect(kubernetesAccess({}, env)).toEqual({
      address: 'https://[fd00::1]:6443',
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    });
  });

  test('flags come before; without both it is told', () => {
    const given = { address: 'https://api:6443/', caFile: '/ca', tokenFile: '/token' };
    expect(kubernetesAccess(given, {})).toEqual({ ...given, address: 'https://api:6443' });
    expect(() => kubernetesAccess({}, {})).toThrowWithCode('CONFIG_INVALID');
  });

  test.each(['http://api', 'https://', 'https://a@b', 'https://api/path', 'https://api?x', 'api:6443', ''])(
    'refuses %j',
    (address) => {
      expect(() => kubernetesAccess({ address }, {})).toThrowWithCode('CONFIG_INVALID');
    },
  );

  test('the namespace comes from a flag or the environment', async () => {
    expect(await ownNamespace('a', { POD_NAMESPACE: 'b' })).toBe('a');
    expect(await ownNamespace(undefined, { POD_NAMESPACE: 'b' })).toBe('b');
    await expect(ownNamespace(undefined, {})).toRejectWithCode('CONFIG_INVALID');
  });

  test('a part of a path stays one part', () => {
    expect(path(['api', 'v1', 'a/../b?c#d'])).toBe('/api/v1/a%2F..%2Fb%3Fc%23d');
  });
});
