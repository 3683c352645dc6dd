/** A real API server that encrypts through KMS plugins: its configuration, its restarts, and what etcd then holds. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestJson } from './http-json';
import { type Kubernetes, startKubernetes } from './kubernetes';

/** One entry under `providers`. The first one writes, all are tried for reading. */
export type EncryptionProvider = 'identity' | KmsProvider;

export interface KmsProvider {
  readonly apiVersion: 'v1' | 'v2';
  readonly name: string;
  /** Path of the plugin's socket. */
  readonly socket: string;
  /** Go duration. @default the API server's, 3s */
  readonly timeout?: string;
}

export interface EncryptionOptions {
  readonly providers: readonly EncryptionProvider[];
  /** @default secrets */
  readonly resources?: readonly string[];
  /** Further flags of kube-apiserver. */
  readonly apiServerArgs?: readonly string[];
}

/**
 * Resolves when the API server is ready, which with a KMS provider means that its plugin answers and is healthy: an API
 * server that is to start before its plugin is started by a call that is awaited later.
 * @throws as startKubernetes
 */
export async function startEncryptingKubernetes(options: EncryptionOptions): Promise<EncryptingKubernetes> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-encryption-'));
  try {
    const kubernetes = await startKubernetes({ apiServerArgs: configure(folder, options) });
    return new EncryptingKubernetes(kubernetes, folder, options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

export class EncryptingKubernetes {
  readonly kubernetes: Kubernetes;
  readonly #folder: string;
  #options: EncryptionOptions;

  constructor(kubernetes: Kubernetes, folder: string, options: EncryptionOptions) {
    this.kubernetes = kubernetes;
    this.#folder = folder;
    this.#options = options;
  }

  /** The EncryptionConfiguration that the API server reads. */
  get configFile(): string {
    return configFile(this.#folder);
  }

  /** Ends the API server and resolves when it is ready again, with other options where some are given; etcd runs on. */
  async restart(options: Partial<EncryptionOptions> = {}): Promise<void> {
    this.#options = { ...this.#options, ...options };
    await this.kubernetes.restart(configure(this.#folder, this.#options));
  }

  /** One more API server of the same cluster, as after adding a control plane node. Stop it before this one. */
  async another(options: Partial<EncryptionOptions> = {}): Promise<EncryptingKubernetes> {
    const all = { ...this.#options, ...options };
    const folder = mkdtempSync(join(tmpdir(), 'keyward-encryption-'));
    const kubernetes = await this.kubernetes.another({ apiServerArgs: configure(folder, all) });
    return new EncryptingKubernetes(kubernetes, folder, all);
  }

  /** Makes Secrets `<prefix><number>` with one random value each, 16 at a time over kept-alive connections. */
  async createSecrets(count: number, prefix = 'bulk-', namespace = 'default'): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 16, ca: this.kubernetes.caPem });
    let next = 0;
    const work = async () => {
      for (let index = next++; index < count; index = next++) {
        const data = { value: randomBytes(24).toString('base64') };
        const metadata = { name: `${prefix}${index}` };
        await this.#post(agent, `/api/v1/namespaces/${namespace}/secrets`, { metadata, data });
      }
    };
    try {
      await Promise.all(Array.from({ length: 16 }, work));
    } finally {
      agent.destroy();
    }
  }

  /** What etcd holds of an object, e.g. `secrets/default/name`. Undefined: nothing. */
  async stored(object: string): Promise<Buffer | undefined> {
    const key = Buffer.from(`/registry/${object}`).toString('base64');
    const url = `${this.kubernetes.etcdUrl}/v3/kv/range`;
    const { status, body } = await requestJson({ url, method: 'POST', body: { key } });
    if (status !== 200) throw new Error(`etcd answered ${status}: ${JSON.stringify(body)}`);
    const value: unknown = body.kvs?.[0]?.value;
    return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  }

  /** Puts a value into etcd behind the API server's back. */
  async store(object: string, value: Buffer): Promise<void> {
    const body = { key: Buffer.from(`/registry/${object}`).toString('base64'), value: value.toString('base64') };
    const { status } = await requestJson({ url: `${this.kubernetes.etcdUrl}/v3/kv/put`, method: 'POST', body });
    if (status !== 200) throw new Error(`etcd answered ${status}`);
  }

  async stop(): Promise<void> {
    await this.kubernetes.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #post(agent: Agent, path: string, body: unknown): Promise<void> {
    const { url, adminToken } = this.kubernetes;
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${url}${path}`, { method: 'POST', agent, headers }, (answer) => {
        answer.resume();
        answer.on('error', reject);
        answer.on('end', () =>
          answer.statusCode === 201 ? resolve() : reject(new Error(`POST ${path} answered ${answer.statusCode}`)),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify(body));
    });
  }
}

function configFile(folder: string): string {
  return join(folder, 'encryption.json');
}

/** Writes the configuration. @returns the flags that make an API server read it */
function configure(folder: string, { providers, resources = ['secrets'], apiServerArgs = [] }: EncryptionOptions) {
  const configuration = {
    kind: 'EncryptionConfiguration',
    apiVersion: 'apiserver.config.k8s.io/v1',
    resources: [{ resources, providers: providers.map(providerOf) }],
  };
  // JSON is YAML.
  writeFileSync(configFile(folder), JSON.stringify(configuration));
  const hasV1 = providers.some((each) => each !== 'identity' && each.apiVersion === 'v1');
  return [
    `--encryption-provider-config=${configFile(folder)}`,
    ...(hasV1 ? ['--feature-gates=KMSv1=true'] : []),
    ...apiServerArgs,
  ];
}

function providerOf(provider: EncryptionProvider): object {
  if (provider === 'identity') return { identity: {} };
  const { apiVersion, name, socket, timeout } = provider;
  return { kms: { apiVersion, name, endpoint: `unix://${socket}`, ...(timeout !== undefined && { timeout }) } };
}
