/**
 * One key of a transit engine. Every encryption and decryption is a batch, in which each item has an outcome of its own:
 * transit answers a batch with one bad item with HTTP 400, and carries the results of the good ones all the same.
 */
import * as z from 'zod';
import type { CodedError } from '../errors';
import type { TokenRequest } from './client';
import { joinPath, type VaultAnswer } from './connection';
import { notUnderstood } from './errors';
import { itemFault, requestFault } from './transit-errors';

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: CodedError };

export interface TransitOptions {
  /** Namespace of the engine, '' for the root. */
  readonly namespace: string;
  readonly mount: string;
  readonly key: string;
}

/** What an encryption is tied to; the same must be given for the decryption. */
export interface Binding {
  /** Authenticated, not stored; also the context of a key that is derived. Keys without authenticated encryption refuse it. */
  readonly associatedData?: string;
}

/** What transit tells of a key; nothing of it is secret. */
export interface TransitKey {
  readonly type: string;
  readonly latestVersion: number;
  readonly minDecryptionVersion: number;
  readonly minEncryptionVersion: number;
  readonly deletionAllowed: boolean;
  readonly derived: boolean;
  readonly supportsEncryption: boolean;
  readonly supportsDecryption: boolean;
  /** 0: never by itself. */
  readonly autoRotatePeriodSeconds: number;
  /** When each version was made, in seconds since 1970. */
  readonly versionsMadeAt: ReadonlyMap<number, number>;
}

// Made once: zod compiles a schema at its first use.
const encryptedItem = z.object({ ciphertext: z.string().optional(), error: z.string().optional() });
const decryptedItem = z.object({ plaintext: z.string().optional(), error: z.string().optional() });
const encryptedBatch = z.object({ data: z.object({ batch_results: z.array(encryptedItem) }) });
const decryptedBatch = z.object({ data: z.object({ batch_results: z.array(decryptedItem) }) });

/** How long an answer is waited for. A time costs less than a signal, which counts where there are hundreds a second. */
export type TimeLimit = AbortSignal | { readonly timeoutMs: number };

export class Transit {
  readonly #client: TransitClient;
  readonly #options: TransitOptions;
  /** With the namespace, as they are requested. */
  readonly #paths: { readonly encrypt: string; readonly decrypt: string };

  constructor(client: TransitClient, options: TransitOptions) {
    this.#client = client;
    this.#options = options;
    this.#paths = {
      encrypt: joinPath(options.namespace, this.path('encrypt')),
      decrypt: joinPath(options.namespace, this.path('decrypt')),
    };
  }

  /** Mount and key, below the namespace: the place of the key whatever the address of the server is. */
  get place(): string {
    return joinPath(this.#options.namespace, this.#options.mount, this.#options.key);
  }

  /** Path of an endpoint of this key, as policies name it below the namespace. */
  path(endpoint: 'encrypt' | 'decrypt' | 'keys'): string {
    return joinPath(this.#options.mount, endpoint, this.#options.key);
  }

  /** Ciphertexts in transit's text form, `vault:v<version>:…`. @throws VaultError when the request as a whole failed. */
  async encrypt(
    plaintexts: readonly Uint8Array[],
    limit: TimeLimit,
    binding: Binding = {},
  ): Promise<readonly Outcome<string>[]> {
    const items = plaintexts.map((plaintext) => ({ plaintext: base64(plaintext), ...bound(binding) }));
    return this.#batch('encrypt', items, encryptedBatch, ({ ciphertext }) => ciphertext, limit);
  }

  /** @throws VaultError when the request as a whole failed. */
  async decrypt(
    ciphertexts: readonly string[],
    limit: TimeLimit,
    binding: Binding = {},
  ): Promise<readonly Outcome<Buffer>[]> {
    const items = ciphertexts.map((ciphertext) => ({ ciphertext, ...bound(binding) }));
    const read = ({ plaintext }: z.infer<typeof decryptedItem>) =>
      plaintext === undefined ? undefined : Buffer.from(plaintext, 'base64');
    return this.#batch('decrypt', items, decryptedBatch, read, limit);
  }

  /** Makes a new version of the key, with which everything is encrypted from now on. @throws VaultError */
  async rotate(signal: AbortSignal): Promise<void> {
    const path = joinPath(this.#options.namespace, this.path('keys'), 'rotate');
    await this.#client.request({ method: 'POST', path, body: {}, signal }).catch((error: unknown) => {
      throw requestFault(error);
    });
  }

  /** @throws VaultError KMS_KEY_NOT_FOUND; KMS_DENIED when the policy does not allow to read the key. */
  async describe(signal: AbortSignal): Promise<TransitKey> {
    const path = joinPath(this.#options.namespace, this.path('keys'));
    const answer = await this.#client.request({ method: 'GET', path, absentIsAnswer: true, signal });
    const doing = `GET ${path} at ${this.#client.address}`;
    if (answer.status === 404) throw itemFault('encryption key not found', doing);
    const parsed = keyShape.safeParse(answer.body);
    if (!parsed.success) throw notUnderstood(doing, 'does not describe a transit key', answer.status);
    return parsed.data;
  }

  async #batch<Item extends { error?: string | undefined }, T>(
    operation: 'encrypt' | 'decrypt',
    items: readonly Readonly<Record<string, string>>[],
    shape: z.ZodType<{ data: { batch_results: Item[] } }>,
    read: (item: Item) => T | undefined,
    limit: TimeLimit,
  ): Promise<readonly Outcome<T>[]> {
    const path = this.#paths[operation];
    const doing = `POST ${path} at ${this.#client.address}`;
    const body = { batch_input: items };
    const answer = await this.#client
      .request({ method: 'POST', path, body, partialIsAnswer: true, ...waiting(limit) })
      .catch((error: unknown) => {
        throw requestFault(error);
      });
    const parsed = shape.safeParse(answer.body);
    if (!parsed.success) throw notUnderstood(doing, 'has no usable member "batch_results"', answer.status);
    const results = parsed.data.data.batch_results;
    if (results.length !== items.length) {
      throw notUnderstood(doing, `has ${results.length} results for ${items.length} items`, answer.status);
    }
    return results.map((result) => {
      if (result.error) return { ok: false, error: itemFault(result.error, doing) };
      const value = read(result);
      return value === undefined
        ? { ok: false, error: notUnderstood(doing, 'has an item without a result', answer.status) }
        : { ok: true, value };
    });
  }
}

function waiting(limit: TimeLimit): { readonly signal: AbortSignal } | { readonly timeoutMs: number } {
  return 'aborted' in limit ? { signal: limit } : limit;
}

/** Version in a ciphertext of transit; undefined when it is none. */
export function ciphertextVersion(ciphertext: string): number | undefined {
  const version = /^vault:v([1-9]\d{0,8}):./.exec(ciphertext)?.[1];
  return version === undefined ? undefined : Number(version);
}

function bound({ associatedData }: Binding): Readonly<Record<string, string>> {
  if (associatedData === undefined) return {};
  const text = Buffer.from(associatedData, 'utf8').toString('base64');
  return { associated_data: text, context: text };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Of symmetric keys a number for each version; of asymmetric ones an object. */
const madeAt = z.union([
  z.number(),
  z
    .object({ creation_time: z.string() })
    .transform(({ creation_time }) => Math.floor(Date.parse(creation_time) / 1000)),
]);

const duration = z.union([z.number(), z.string().transform((text) => Number.parseInt(text, 10) || 0)]);

const keyShape = z
  .object({
    data: z.object({
      type: z.string(),
      latest_version: z.int(),
      min_decryption_version: z.int().default(1),
      min_encryption_version: z.int().default(0),
      deletion_allowed: z.boolean().default(false),
      derived: z.boolean().default(false),
      supports_encryption: z.boolean(),
      supports_decryption: z.boolean(),
      auto_rotate_period: duration.default(0),
      keys: z.record(z.string(), madeAt),
    }),
  })
  .transform(
    ({ data }): TransitKey => ({
      type: data.type,
      latestVersion: data.latest_version,
      minDecryptionVersion: data.min_decryption_version,
      minEncryptionVersion: data.min_encryption_version,
      deletionAllowed: data.deletion_allowed,
      derived: data.derived,
      supportsEncryption: data.supports_encryption,
      supportsDecryption: data.supports_decryption,
      autoRotatePeriodSeconds: data.auto_rotate_period,
      versionsMadeAt: new Map(Object.entries(data.keys).map(([version, at]) => [Number(version), at])),
    }),
  );

interface TransitClient {
  readonly address: string;
  request(request: TokenRequest): Promise<VaultAnswer>;
}
