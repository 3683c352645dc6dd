/** The harness itself: real servers and the guest start, answer, fail and end as the tests built on them expect. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../tools/ensure';
import { runInGuest } from '../../tools/guest/run-in-guest';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';

jest.setTimeout(120_000);

describeWith(['openbao', 'openssl'], 'OpenBao', () => {
  let folder: string;
  let auditFile: string;
  let bao: OpenBao;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-servers-'));
    auditFile = join(folder, 'audit.log');
    bao = await startOpenBao({ tls: true, storage: 'file', auditFile });
    await bao.expectOk('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  });
  afterAll(async () => {
    await bao?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('keeps a secret over TLS, through seal and restart', async () => {
    await bao.expectOk('POST', 'secret/data/volume', { data: { passphrase: 'x' } });
    const read = () => bao.request('GET', 'secret/data/volume');
    expect((await read()).body.data.data).toEqual({ passphrase: 'x' });

    await bao.seal();
    expect((await read()).status).toBe(503);
    await bao.unseal();
    expect((await read()).status).toBe(200);

    await bao.restart();
    expect((await read()).body.data.data).toEqual({ passphrase: 'x' });
  });

  test('refuses connections while halted', async () => {
    await bao.halt();
    await expect(bao.request('GET', 'sys/health')).toRejectWithCode('ECONNREFUSED');
    await bao.resume();
  });

  test('keeps namespaces and tokens apart', async () => {
    await bao.expectOk('PUT', 'sys/namespaces/shop', {});
    await bao.expectOk('POST', 'sys/mounts/kv', { type: 'kv' }, { namespace: 'shop' });
    await bao.expectOk('POST', 'kv/a', { b: 'c' }, { namespace: 'shop' });
    expect((await bao.request('GET', 'kv/a')).status).toBe(404);
    expect((await bao.request('GET', 'kv/a', undefined, { namespace: 'shop', token: null })).status).toBe(403);
  });

  test('writes every request to the audit file', () => {
    const entries = readFileSync(auditFile, 'utf8').trim().split('\n');
    expect(entries.some((entry) => JSON.parse(entry).request.path === 'secret/data/volume')).toBe(true);
  });
});

describeWith(['etcd', 'kube-apiserver', 'openbao', 'openssl'], 'Kubernetes API', () => {
  let kubernetes: Kubernetes;

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
    await kubernetes.expectOk('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'csi' } });
  });
  afterAll(() => kubernetes?.stop());

  test('issues a service account token that its TokenReview accepts', async () => {
    const token = await kubernetes.serviceAccountToken('shop', 'csi', ['vault']);
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: ['vault'] },
    };
    const { body } = await kubernetes.expectOk('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review);
    expect(body.status).toMatchObject({ authenticated: true, user: { username: 'system:serviceaccount:shop:csi' } });
  });

  test('refuses a service account what RBAC does not grant', async () => {
    const token = await kubernetes.serviceAccountToken('shop', 'csi');
    expect((await kubernetes.request('GET', '/api/v1/secrets', undefined, { token })).status).toBe(403);
  });

  test('keeps its objects over a restart of the API server', async () => {
    await kubernetes.restart();
    const { body } = await kubernetes.expectOk('GET', '/api/v1/namespaces/shop/serviceaccounts/csi');
    expect(body.metadata.name).toBe('csi');
  });

  test('vouches for a service account that logs in to OpenBao', async () => {
    await using bao = await startOpenBao();
    await bao.expectOk('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
    await bao.expectOk('POST', 'auth/kubernetes/config', {
      kubernetes_host: kubernetes.url,
      kubernetes_ca_cert: kubernetes.caPem,
      token_reviewer_jwt: kubernetes.adminToken,
      disable_local_ca_jwt: true,
    });
    const role = {
      bound_service_account_names: 'csi',
      bound_service_account_namespaces: 'shop',
      audience: 'vault',
      policies: 'default',
    };
    await bao.expectOk('POST', 'auth/kubernetes/role/csi', role);
    const login = async (audience: string) => {
      const jwt = await kubernetes.serviceAccountToken('shop', 'csi', [audience]);
      return bao.request('POST', 'auth/kubernetes/login', { role: 'csi', jwt }, { token: null });
    };
    const accepted = await login('vault');
    expect(accepted.body.auth.metadata).toMatchObject({
      service_account_name: 'csi',
      service_account_namespace: 'shop',
    });
    expect((await login('somebody-else')).status).toBe(403);
  });
});

// Where the host has dm-crypt itself nothing needs a guest, and user-mode-linux is not installed.
const describeGuest = findTool('user-mode-linux') === undefined ? describe.skip : describe;

describeGuest('the guest', () => {
  const shell = (script: string) => ['sh', '-c', script];

  test('runs a command as root with its input, environment and folder, and hands back output and exit code', async () => {
    const chunks: Buffer[] = [];
    const folder = mkdtempSync(join(tmpdir(), 'keyward-guest-cwd-'));
    const result = await runInGuest({
      command: shell('echo "$(id -u) $GREETING $PWD $(cat)"; echo text >file; exit 3'),
      cwd: folder,
      env: { PATH: process.env.PATH, GREETING: 'hello\nworld' },
      stdin: Buffer.from('from stdin'),
      timeoutMs: 60_000,
      onStdout: (chunk) => chunks.push(chunk),
    });
    expect(Buffer.concat(chunks).toString()).toBe(`0 hello\nworld ${folder} from stdin\n`);
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('text\n');
    expect(result).toMatchObject({ exitCode: 3, timedOut: false, panicked: false });
    rmSync(folder, { recursive: true });
  });

  test('ends although a filesystem in it waits for its storage', async () => {
    const script = `truncate -s 64M /tmp/disk && device=$(losetup --find --show /tmp/disk) &&
      dmsetup create still --table "0 131072 linear $device 0" && mkfs.ext4 -q /dev/mapper/still &&
      mount /dev/mapper/still /mnt && echo text >/mnt/file && dmsetup suspend --nolockfs still && echo waits`;
    const chunks: Buffer[] = [];
    const onStdout = (chunk: Buffer) => chunks.push(chunk);
    const result = await runInGuest({ command: shell(script), timeoutMs: 100_000, onStdout });
    expect(Buffer.concat(chunks).toString()).toBe('waits\n');
    expect(result).toMatchObject({ exitCode: 0, timedOut: false, panicked: false });
  });

  test('is killed at the time limit', async () => {
    const result = await runInGuest({ command: ['sleep', '1000'], timeoutMs: 8000 });
    expect(result).toMatchObject({ exitCode: null, timedOut: true, panicked: false });
  });

  test('says so when its kernel dies', async () => {
    const result = await runInGuest({ command: shell('echo c >/proc/sysrq-trigger; sleep 100'), timeoutMs: 60_000 });
    expect(result).toMatchObject({ exitCode: null, timedOut: false, panicked: true });
    expect(result.console).toContain('Kernel panic');
  });
});
