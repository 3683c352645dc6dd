/**
 * KV version 1: one value a key, no versions, no compare-and-set. What must be absent, or present, is read just before
 * the write; another process that writes between the two is not noticed here (callers read back what they wrote).
 */
import * as z from 'zod';
import type { VaultClient } from './client';
import { joinPath } from './connection';
import { notUnderstood, VaultError } from './errors';
import { type KeyValue, unversioned } from './kv';

const shape = z.object({ data: z.record(z.string(), z.unknown()) });

export function kvV1(client: VaultClient, mount: string): KeyValue {
  const pathOf = (key: string) => joinPath(mount, key);
  const read: KeyValue['read'] = async (key, signal) => {
    const path = pathOf(key);
    const answer = await client.request({ method: 'GET', path, absentIsAnswer: true, ...(signal && { signal }) });
    if (answer.status === 404) return undefined;
    const parsed = shape.safeParse(answer.body);
    if (!parsed.success) throw notUnderstood(`GET ${path} at ${client.address}`, 'has no usable member "data"');
    return { data: parsed.data.data, version: unversioned };
  };
  const write = async (key: string, body: Readonly<Record<string, unknown>>, signal?: AbortSignal) => {
    await client.request({ method: 'PUT', path: pathOf(key), body, ...(signal && { signal }) });
  };

  return {
    read,
    async create(key, data, signal) {
      if (await read(key, signal)) throw conflict(`an entry is present at ${pathOf(key)}`);
      await write(key, data, signal);
    },
    async replace(key, data, _version, signal) {
      if (!(await read(key, signal))) throw conflict(`no entry is present at ${pathOf(key)}`);
      await write(key, data, signal);
    },
    async remove(key, _mode, signal) {
      await client.request({ method: 'DELETE', path: pathOf(key), absentIsAnswer: true, ...(signal && { signal }) });
    },
  };
}

function conflict(what: string): VaultError {
  return new VaultError('KMS_CONFLICT', `${what}, against expectation`, {
    remedy: 'Another caller was faster: read the entry again and repeat the call.',
  });
}
