/**
 * Reads from etcd, through the JSON gateway of its v3 API, under which key each object is stored. Values are looked at
 * and dropped: plain text may be among them.
 */
import type { AgentOptions } from 'node:https';
import * as z from 'zod';
import { CodedError, isCoded } from '../errors';
import { JsonService } from '../http/json-service';
import { type StoredUnder, storedUnder } from './stored-value';

export interface EtcdOptions {
  /** `https://host:2379`, the members of one cluster; the first that answers is asked. */
  readonly addresses: readonly string[];
  readonly tls?: AgentOptions;
  /** Of the API server. Default /registry. */
  readonly prefix?: string;
  /** For each request. Default 30,000. */
  readonly timeoutMs?: number;
}

export interface StoredObject extends StoredUnder {
  /** Below the folder: `namespace/name`, or `name`. */
  readonly key: string;
  /** At which it was last written: the object's resourceVersion. */
  readonly revision: string;
}

/** Of values with 1.5 MiB each, the most that etcd takes, a page is 100 MiB of base64. */
const pageSize = 50;
const maxAnswerBytes = 128 * 1024 * 1024;

const rangeShape = z.object({
  kvs: z.array(z.object({ key: z.string(), value: z.string().default(''), mod_revision: z.string() })).default([]),
  more: z.boolean().default(false),
});

export class EtcdReader {
  readonly #members: readonly JsonService[];
  readonly #prefix: string;

  /** @throws CodedError CONFIG_INVALID for an address that is none. */
  constructor({ addresses, tls, prefix = '/registry', timeoutMs = 30_000 }: EtcdOptions) {
    for (const address of addresses) requireAddress(address);
    this.#prefix = prefix.replace(/\/*$/, '/');
    this.#members = addresses.map(
      (address) =>
        new JsonService({
          address,
          timeoutMs,
          maxAnswerBytes,
          service: 'etcd',
          errorCodeOf: () => undefined,
          meaningOf: () => undefined,
          ...(tls && { tls }),
        }),
    );
  }

  /** In the order of the keys. @throws CodedError KMS_UNREACHABLE and others of an HTTP service, ABORTED. */
  async *objects(folder: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    const prefix = Buffer.from(`${this.#prefix}${folder}`);
    const end = afterPrefix(prefix);
    let from = prefix;
    for (;;) {
      const { kvs, more } = await this.#range(from, end, signal);
      for (const { key, value, mod_revision: revision } of kvs) {
        const bytes = Buffer.from(value, 'base64');
        const under = storedUnder(bytes);
        bytes.fill(0);
        yield { key: Buffer.from(key, 'base64').subarray(prefix.length).toString(), revision, ...under };
      }
      const last = kvs.at(-1);
      if (!more || !last) return;
      from = Buffer.concat([Buffer.from(last.key, 'base64'), Buffer.of(0)]);
    }
  }

  close(): void {
    for (const member of this.#members) member.close();
  }

  async #range(from: Buffer, end: Buffer, signal: AbortSignal | undefined): Promise<z.output<typeof rangeShape>> {
    const body = JSON.stringify({
      key: from.toString('base64'),
      range_end: end.toString('base64'),
      limit: pageSize,
    });
    const request = {
      method: 'POST',
      path: 'v3/kv/range',
      headers: { 'content-type': 'application/json' },
      body,
      shape: rangeShape,
      ...(signal && { signal }),
    } as const;
    let failure: unknown;
    for (const member of this.#members) {
      try {
        return (await member.request(request)) ?? { kvs: [], more: false };
      } catch (error) {
        // Another member may answer; a caller that gave up wants none.
        if (isCoded(error, 'ABORTED')) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }
}

/** The first key behind all that begin with the prefix, which ends with a slash. */
function afterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

function requireAddress(address: string): void {
  if (/^https?:\/\/[^/@?#\s]+\/?$/.test(address) && URL.canParse(address)) return;
  throw new CodedError('CONFIG_INVALID', `${JSON.stringify(address.slice(0, 200))} is no address of etcd`, {
    remedy: 'Write it as https://host:2379, without a path.',
  });
}
