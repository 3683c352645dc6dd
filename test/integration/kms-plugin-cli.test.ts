/** `keyward kms-plugin` as an operator meets it: in a process of its own, with the flags and variables of the peer. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { KeyManagementService as V1 } from '../../runtime/grpc/gen/kms_v1beta1_pb';
import { KeyManagementService as V2 } from '../../runtime/grpc/gen/kms_v2_pb';
import { bundle } from '../../tools/bundle';
import { unaryClient } from '../../tools/csi-client/unary-client';
import { describeWith } from '../harness/describe-with';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { freePort } from '../harness/ports';
import { eventually, makeKey, makeToken } from './kms-plugin-fixture';

jest.setTimeout(120_000);

describeWith(['openbao'], 'keyward kms-plugin', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-kms-cli-'));
  const executable = join(folder, 'keyward.cjs');
  const plaintext = randomBytes(32);
  const children: ChildProcess[] = [];
  let bao: OpenBao;
  let token: string;
  let socket: string;
  let port: number;
  beforeAll(async () => {
    bundle('runtime/bin/keyward.ts', executable);
    bao = await startOpenBao({ storage: 'file' });
    await makeKey(bao, 'kms');
    token = await makeToken(bao, 'kms');
  });
  beforeEach(async () => {
    socket = join(mkdtempSync(join(folder, 's')), 'kms.sock');
    port = await freePort();
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await bao?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Ends of itself or is killed after the test. */
  function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [executable, 'kms-plugin', ...args], {
      env: { PATH: process.env.PATH, ...env },
    });
    children.push(child);
    const lines: string[] = [];
    child.stderr.on('data', (chunk) => lines.push(String(chunk)));
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    return { child, ended, stderr: () => lines.join('') };
  }
  const once = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    spawnSync(process.execPath, [executable, 'kms-plugin', ...args], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env.PATH, ...env },
    });
  const channel = () => new Client(`unix:${socket}`, credentials.createInsecure());
  const encrypts = () =>
    eventually(async () => {
      const client = channel();
      try {
        return await unaryClient(V2, client, { timeoutMs: 5_000 }).encrypt({ plaintext });
      } finally {
        client.close();
      }
    });
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };

  test('takes the flags of vault-kubernetes-kms, in the style of Go, and warns of the secret among them', async () => {
    const plugin = start([
      `-vault-address=${bao.address}`,
      '-auth-method',
      'token',
      `--token=${token}`,
      '-socket',
      `unix://${socket}`,
      '-force-socket-overwrite',
      '-transit-mount=transit',
      '-transit-key',
      'kms',
      `-health-port=${port}`,
      '-disable-v1=true',
      '-token-refresh-interval=60s',
      '-token-renewal=3600',
    ]);
    await encrypts();
    const client = channel();
    await expect(unaryClient(V1, client, { timeoutMs: 5_000 }).version({})).rejects.toMatchObject({
      status: 'UNIMPLEMENTED',
    });
    client.close();
    expect(plugin.stderr()).toContain('--token-file');
    expect(plugin.stderr()).not.toContain(token);
    plugin.child.kill('SIGTERM');
    expect(await plugin.ended).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });

  test.each([
    ['today', { VAULT_KMS_TOKEN: 'token', VAULT_KMS_TRANSIT_KEY: 'kms' }],
    ['of old', { VAULT_KMS_VAULT_TOKEN: 'token', VAULT_KMS_VAULT_TRANSIT_KEY: 'kms' }],
  ])('takes the variables of vault-kubernetes-kms as they are called %s', async (_, names) => {
    start([], {
      VAULT_KMS_VAULT_ADDR: bao.address,
      VAULT_KMS_SOCKET: `unix://${socket}`,
      VAULT_KMS_HEALTH_PORT: String(port),
      ...Object.fromEntries(Object.entries(names).map(([name, value]) => [name, value === 'token' ? token : value])),
    });
    await encrypts();
  });

  test('takes the variables of Vault and its own file, and a flag counts most', async () => {
    const config = join(folder, 'kms.yaml');
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, token);
    writeFileSync(
      config,
      [
        'vault: { address: "http://127.0.0.1:1" }',
        `auth: { method: token, tokenFile: ${tokenFile} }`,
        'transit: { key: absent }',
        `socket: { endpoint: "unix://${socket}" }`,
        `health: { port: ${port}, peerMetrics: true }`,
      ].join('\n'),
    );
    start(['--config', config, '--transit-key=kms'], { VAULT_ADDR: bao.address, VAULT_KMS_TRANSIT_KEY: 'other' });
    await encrypts();
    expect(await get('/livez')).toEqual({ status: 200, text: 'ok' });
    expect(await get('/readyz')).toEqual({ status: 200, text: 'ok' });
    const { text } = await get('/metrics');
    expect(text).toContain(
      'keyward_kms_call_duration_seconds_count{rpc="v2.KeyManagementService/Encrypt",code="OK"} 1',
    );
    expect(text).toContain('vault_kubernetes_kms_encryption_operation_duration_seconds_count 1');
    expect(text).toContain('keyward_kms_healthy 1');
  });

  test('lives while Vault is away, and is not ready before it has a key', async () => {
    start(['--vault-address=http://127.0.0.1:1', '--token=x', `--socket=${socket}`, `--health-port=${port}`]);
    await eventually(async () => expect((await get('/livez')).status).toBe(200));
    for (const path of ['/health', '/live']) expect((await get(path)).status).toBe(200);
    const ready = await get('/readyz');
    expect(ready).toMatchObject({ status: 503, text: expect.stringContaining('KMS_UNREACHABLE') });
  });

  test('serves although another process has its health port', async () => {
    const first = start([
      `--vault-address=${bao.address}`,
      `--token=${token}`,
      `--socket=${socket}`,
      `--health-port=${port}`,
    ]);
    await encrypts();
    const other = join(folder, 'other.sock');
    const second = start([
      `--vault-address=${bao.address}`,
      `--token=${token}`,
      `--socket=${other}`,
      `--health-port=${port}`,
    ]);
    await eventually(async () => expect(second.stderr()).toContain('"msg":"serving"'));
    expect(second.stderr()).toContain('health port');
    expect(first.child.exitCode).toBeNull();
  });

  test.each([
    ['both versions off', ['--disable-v1', '--disable-v2'], 1, /both versions/],
    ['no address', ['--vault-address='], 1, /vault\.address/],
    ['no way to log in', ['--token='], 1, /auth/],
    ['an unknown login', ['-auth-method=ldap'], 1, /auth/],
    ['an unknown flag', ['--vault-adress=x'], 2, /--vault-address/],
    ['a flag without its value', ['--socket'], 2, /--socket/],
    ['a number that is none', ['--poll-seconds=often'], 1, /--poll-seconds/],
    ['a switch that is none', ['--local-kek=maybe'], 1, /--local-kek/],
    ['a relative socket', ['--socket=kms.sock'], 1, /kms\.sock/],
    ['a CA that is not there', ['--vault-ca-cert=/absent.pem'], 1, /absent\.pem/],
    ['a file that is not there', ['--config=/absent.yaml'], 1, /absent\.yaml/],
    ['SPIFFE', ['--jwt-token-source=spiffe'], 1, /spiffe-helper/],
  ] as const)('refuses %s with exit code and cause', (_, args, code, text) => {
    const usual = ['--vault-address', bao.address, '--token', token, '--socket', socket, '--health-port', '0'];
    const { status, stderr } = once([...usual, ...args]);
    expect(stderr).toMatch(text);
    expect(stderr).not.toContain(token);
    expect(status).toBe(code);
  });

  test('refuses a socket path that is a file, and leaves the file', () => {
    writeFileSync(socket, 'precious');
    const { status, stderr } = once(['--vault-address', bao.address, '--token', token, '--socket', socket]);
    expect(stderr).toContain('SOCKET_OCCUPIED');
    expect(status).toBe(1);
    expect(existsSync(socket)).toBe(true);
  });

  test('--help names every flag with its variables', () => {
    const { stdout, status } = once(['--help']);
    expect(status).toBe(0);
    for (const flag of ['--socket ', '--approle-secret-id-file', '--local-kek', 'VAULT_KMS_HEALTH_PORT', 'doctor'])
      expect(stdout).toContain(flag);
  });

  describe('doctor', () => {
    const encryptionConfig = (endpoint: string, version = 'v2') => {
      const file = join(folder, 'encryption.yaml');
      writeFileSync(
        file,
        `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: [secrets]
    providers:
      - kms: { apiVersion: ${version}, name: vault, endpoint: "${endpoint}" }
      - identity: {}
`,
      );
      return file;
    };
    const doctor = (args: readonly string[] = []) => {
      const usual = ['doctor', '--vault-address', bao.address, '--token', token, '--socket', `unix://${socket}`];
      const { status, stdout } = once([...usual, '--output', 'json', ...args]);
      const findings = JSON.parse(stdout) as { check: string; result: string; detail: string; remedy?: string }[];
      return { status, findings, failed: findings.filter(({ result }) => result === 'failed') };
    };

    test('finds nothing wrong where nothing is', () => {
      const { status, findings, failed } = doctor(['--encryption-config', encryptionConfig(`unix://${socket}`)]);
      expect(failed).toEqual([]);
      expect(status).toBe(0);
      expect(findings.map(({ check }) => check.split(':')[0])).toEqual(
        expect.arrayContaining(['address', 'login', 'policy', 'key', 'round trip', 'socket', 'encryption config']),
      );
    });

    test.each([
      ['Vault is not there', ['--vault-address=http://127.0.0.1:1'], /address/, /KMS_UNREACHABLE/],
      ['the token is dead', ['--token=s.dead'], /login/, /KMS_DENIED/],
      ['the key does not exist', ['--transit-key=absent'], /policy|key|round trip/, /allowed|KMS_/],
      ['the socket path is a file', ['--socket=/etc/hostname'], /socket/, /no socket/],
    ] as const)('names the failing link and its remedy: %s', (_, args, check, detail) => {
      const { status, failed } = doctor(args);
      expect(status).toBe(1);
      expect(failed[0]?.check).toMatch(check);
      expect(failed[0]?.detail).toMatch(detail);
      expect(failed[0]?.remedy).not.toBe('');
    });

    test('compares the configuration of the API server', () => {
      const other = doctor(['--encryption-config', encryptionConfig('unix:///elsewhere.sock')]);
      expect(other.failed).toMatchObject([{ detail: expect.stringContaining('no provider has the endpoint') }]);
      const v1 = doctor(['--disable-v1', '--encryption-config', encryptionConfig(`unix://${socket}`, 'v1')]);
      expect(v1.failed).toMatchObject([{ detail: expect.stringContaining('does not serve v1') }]);
    });

    test('warns of a key that can be deleted', async () => {
      await bao.expectOk('POST', 'transit/keys/kms/config', { deletion_allowed: true });
      const { findings } = doctor();
      await bao.expectOk('POST', 'transit/keys/kms/config', { deletion_allowed: false });
      expect(findings.find(({ detail }) => detail.includes('deletion_allowed'))?.result).toBe('warning');
    });
  });
});
