/** The agent's own side of the port: permits, then the cache, then the Kubernetes API. */
import { CodedError, isCoded } from '../errors';
import type { ReadOptions, SecretName, TenantDirectory } from '../kms/tenant-directory';
import type { KubernetesClient } from '../kubernetes/client';
import { createToken, isNamespaceGone, type ObjectName, readConfigMap, readSecret } from '../kubernetes/objects';
import { Secret } from '../secret';
import { type CacheOptions, ObjectCache } from './cache';
import { Permits, type PermitsOptions } from './permits';

export interface TenantObjectsOptions extends PermitsOptions {
  /** Namespace of the driver. */
  readonly namespace: string;
  readonly cache?: Omit<CacheOptions<never>, 'discard'>;
}

type SecretData = ReadonlyMap<string, Secret>;

export class TenantObjects implements TenantDirectory {
  readonly #client: KubernetesClient;
  readonly #namespace: string;
  readonly #permits: Permits;
  readonly #secrets: ObjectCache<SecretData>;
  readonly #configMaps: ObjectCache<Readonly<Record<string, string>>>;

  /** Takes over the client. */
  constructor({ namespace, cache, ...permits }: TenantObjectsOptions, client: KubernetesClient) {
    this.#client = client;
    this.#namespace = namespace;
    this.#permits = new Permits(permits);
    this.#secrets = new ObjectCache({ ...cache, discard: zero });
    this.#configMaps = new ObjectCache(cache);
  }

  async secret(name: SecretName, options: ReadOptions = {}): Promise<Secret | undefined> {
    const { namespace, key, orOfDriver = false } = name;
    const namedBy = await this.#require({ what: 'secret', ...name, orOfDriver }, options);
    const own = await this.#readSecret(name, options);
    const data =
      own || !orOfDriver || namedBy === 'tenant'
        ? own
        : await this.#readSecret({ ...name, namespace: this.#namespace }, options);
    if (!data) return undefined;
    const value = data.get(key);
    if (value && value.lengthBytes > 0) return value.use((bytes) => Secret.take(Buffer.from(bytes)));
    const fault = value ? 'is empty' : 'is absent';
    throw new CodedError('SECRET_MISSING', `the key ${key} of the Secret ${name.name} for ${namespace} ${fault}`, {
      remedy: `Put the value under the key ${key}.`,
    });
  }

  async configMap(name: ObjectName, options: ReadOptions = {}): Promise<Readonly<Record<string, string>> | undefined> {
    await this.#require({ what: 'config-map', ...name }, options);
    return this.#readConfigMap(name, options);
  }

  /** Never remembered: a token is for one login. */
  async serviceAccountToken(
    account: ObjectName & { readonly audience?: string },
    options: ReadOptions = {},
  ): Promise<Secret | undefined> {
    const { namespace, name, audience } = account;
    await this.#require({ what: 'token', namespace, name, audience }, options);
    return this.#orGone(namespace, () => createToken(this.#client, account, options.signal));
  }

  close(): void {
    this.#secrets.clear();
    this.#configMaps.clear();
    this.#client.close();
  }

  #require(ask: Parameters<Permits['require']>[0], options: ReadOptions) {
    return this.#permits.require(ask, (name) => this.#readConfigMap({ namespace: ask.namespace, name }, options));
  }

  /** Under the client's own deadline, not the caller's: the answer is for all who ask. */
  #readSecret(name: ObjectName, options: ReadOptions): Promise<SecretData | undefined> {
    const read = () => this.#orGone(name.namespace, () => readSecret(this.#client, name));
    return this.#secrets.get(`${name.namespace}/${name.name}`, read, options);
  }

  #readConfigMap(name: ObjectName, options: ReadOptions): Promise<Readonly<Record<string, string>> | undefined> {
    const read = () => this.#orGone(name.namespace, () => readConfigMap(this.#client, name));
    return this.#configMaps.get(`${name.namespace}/${name.name}`, read, options);
  }

  async #orGone<T>(namespace: string, action: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (isCoded(error, 'KMS_DENIED') && (await isNamespaceGone(this.#client, namespace))) return undefined;
      throw error;
    }
  }
}

function zero(data: SecretData): void {
  for (const value of data.values()) value.zero();
}
