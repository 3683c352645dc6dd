/** `keyward` as operators run it beside a real API server: the plugin in a process of its own, and `keyward etcd`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../../tools/bundle';
import type { EncryptingKubernetes } from '../../harness/encrypting-api-server';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { eventually, makeKey } from '../kms-plugin-fixture';

/** OpenBao with the transit key `kms`, an AppRole for it, and everything that was started in a folder of its own. */
export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'keyward-api-server-'));
  readonly executable = join(this.folder, 'keyward.cjs');
  readonly bao: OpenBao;
  readonly #plugins: PluginProcess[] = [];
  #roleId = '';

  static async open(): Promise<Site> {
    const bao = await startOpenBao({ storage: 'file' });
    const site = new Site(bao);
    bundle('runtime/bin/keyward.ts', site.executable);
    await makeKey(bao, 'kms');
    await bao.expectOk('POST', 'sys/auth/approle', { type: 'approle' });
    await bao.expectOk('POST', 'auth/approle/role/kms', { token_policies: 'kms', token_ttl: '1h' });
    site.#roleId = (await bao.expectOk('GET', 'auth/approle/role/kms/role-id')).body.data.role_id;
    const { body } = await bao.expectOk('POST', 'auth/approle/role/kms/secret-id', {});
    writeFileSync(site.#secretIdFile, body.data.secret_id, { mode: 0o600 });
    return site;
  }

  private constructor(bao: OpenBao) {
    this.bao = bao;
  }

  get #secretIdFile(): string {
    return join(this.folder, 'secret-id');
  }

  /** A plugin that is not started yet, with an AppRole, on a socket of its own. */
  plugin(flags: readonly string[] = []): PluginProcess {
    const socket = join(mkdtempSync(join(this.folder, 'plugin-')), 'kms.sock');
    const plugin = new PluginProcess(this.executable, socket, [
      `--vault-address=${this.bao.address}`,
      `--socket=unix://${socket}`,
      '--auth-method=approle',
      `--approle-role-id=${this.#roleId}`,
      `--approle-secret-id-file=${this.#secretIdFile}`,
      '--transit-key=kms',
      '--health-port=0',
      '--poll-seconds=1',
      ...flags,
    ]);
    this.#plugins.push(plugin);
    return plugin;
  }

  /** Ends all tokens that the AppRole has given. */
  async revokeTokens(): Promise<void> {
    await this.bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/approle', { sync: true });
  }

  async rotateTransit(): Promise<void> {
    await this.bao.expectOk('POST', 'transit/keys/kms/rotate');
  }

  async close(): Promise<void> {
    for (const plugin of this.#plugins) await plugin.end('SIGKILL');
    await this.bao.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class PluginProcess {
  readonly socket: string;
  readonly #argv: readonly string[];
  readonly #log: string[] = [];
  #child: ChildProcess | undefined;

  constructor(executable: string, socket: string, flags: readonly string[]) {
    this.socket = socket;
    this.#argv = [executable, 'kms-plugin', ...flags];
  }

  get log(): string {
    return this.#log.join('');
  }

  /** Resolves when it serves, which needs no Vault. */
  async start(): Promise<void> {
    const from = this.log.length;
    const child = spawn(process.execPath, this.#argv, { env: { PATH: process.env.PATH } });
    child.stderr.on('data', (chunk) => this.#log.push(String(chunk)));
    this.#child = child;
    await eventually(async () => {
      if (!this.log.slice(from).includes('"msg":"serving"')) throw new Error(`the plugin does not serve: ${this.log}`);
    }, 60_000);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `keyward etcd …` against the cluster, by default with etcd. */
export class EtcdCommand {
  readonly #executable: string;
  readonly #flags: readonly string[];

  constructor({ executable, folder }: Site, clusters: readonly EncryptingKubernetes[], withEtcd = true) {
    this.#executable = executable;
    const [first] = clusters;
    if (!first) throw new Error('which API server?');
    const tokenFile = join(mkdtempSync(join(folder, 'token-')), 'token');
    writeFileSync(tokenFile, first.kubernetes.adminToken, { mode: 0o600 });
    chmodSync(tokenFile, 0o600);
    this.#flags = [
      ...['--server', first.kubernetes.url, '--ca-file', first.kubernetes.caFile, '--token-file', tokenFile],
      ...clusters.flatMap(({ kubernetes }) => ['--api-server', kubernetes.url]),
      ...(withEtcd ? ['--etcd', first.kubernetes.etcdUrl] : []),
    ];
  }

  /** Not to be used while a server of this process is needed: it blocks. */
  run(command: 'status' | 'rotate', args: readonly string[] = []): CommandResult {
    const { status, stdout, stderr } = spawnSync(process.execPath, this.#argv(command, args), {
      encoding: 'utf8',
      timeout: 240_000,
      env: { PATH: process.env.PATH },
    });
    return { status, stdout, stderr };
  }

  /** The same, in the background. */
  spawn(command: 'status' | 'rotate', args: readonly string[] = []): ChildProcess {
    return spawn(process.execPath, this.#argv(command, args), { env: { PATH: process.env.PATH } });
  }

  /** @throws Error with what it printed when it fails. */
  json<T>(command: 'status' | 'rotate', args: readonly string[] = []): T {
    const { status, stdout, stderr } = this.run(command, [...args, '--output', 'json']);
    if (status !== 0) throw new Error(`keyward etcd ${command} ended with ${status}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as T;
  }

  #argv(command: string, args: readonly string[]): string[] {
    return [this.#executable, 'etcd', command, ...this.#flags, ...args];
  }
}

/** Makes a Secret with one value. */
export async function putSecret({ kubernetes }: EncryptingKubernetes, name: string, value: string): Promise<void> {
  const data = { value: Buffer.from(value).toString('base64') };
  await kubernetes.expectOk('POST', '/api/v1/namespaces/default/secrets', { metadata: { name }, data });
}

/** The value of a Secret, as the API server reads it from etcd. */
export async function getSecret({ kubernetes }: EncryptingKubernetes, name: string): Promise<string> {
  const { body } = await kubernetes.expectOk('GET', `/api/v1/namespaces/default/secrets/${name}`);
  return Buffer.from(body.data.value, 'base64').toString();
}

/** How the stored value begins, and the version of the transit key that it is under. */
export async function storedAs(
  cluster: EncryptingKubernetes,
  name: string,
): Promise<{ readonly prefix: string; readonly version: number }> {
  const value = (await cluster.stored(`secrets/default/${name}`))?.toString('latin1') ?? '';
  const version = /transit:transit\/kms:v(\d+):/.exec(value)?.[1] ?? /vault:v(\d+):/.exec(value)?.[1];
  return { prefix: value.slice(0, 15), version: Number(version) };
}
