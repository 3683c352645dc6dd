/** KV version 2: versions under `data/`, their history under `metadata/`, writes by compare-and-set. */
import * as z from 'zod';
import { CodedError, isCoded } from '../errors';
import type { VaultClient } from './client';
import { joinPath } from './connection';
import { VaultError } from './errors';
import type { KeyValue, KvEntry } from './kv';

/** `data` is null when the newest version is deleted or destroyed; the answer then has status 404. */
const shape = z.object({
  data: z.object({
    data: z.record(z.string(), z.unknown()).nullable(),
    metadata: z.object({ version: z.int().positive() }),
  }),
});

export function kvV2(client: VaultClient, mount: string): KeyValue {
  const dataPath = (key: string) => joinPath(mount, 'data', key);

  /** The newest version as a number, 0 when the key has no history. */
  const newest = async (key: string, signal?: AbortSignal): Promise<{ version: number; data?: KvEntry['data'] }> => {
    const path = dataPath(key);
    const answer = await client.request({ method: 'GET', path, absentIsAnswer: true, ...(signal && { signal }) });
    const parsed = shape.safeParse(answer.body);
    if (answer.status === 404 && !parsed.success) return { version: 0 };
    if (!parsed.success) throw notVersioned(`GET ${path} at ${client.address}`);
    const { data, metadata } = parsed.data.data;
    // With status 404 there is no entry, whatever else a server that is not quite Vault may say.
    return { version: metadata.version, ...(data && answer.status !== 404 && { data }) };
  };

  const write = async (key: string, data: KvEntry['data'], cas: number, signal?: AbortSignal): Promise<void> => {
    const path = dataPath(key);
    const body = { options: { cas }, data };
    try {
      const answer = await client.request({ method: 'PUT', path, body, ...(signal && { signal }) });
      if (answer.body !== undefined) return;
      // An engine of version 1 took the request for an entry called `data/…`: it answers without a body. Undo that.
      await client.request({ method: 'DELETE', path, ...(signal && { signal }) });
      throw notVersioned(`PUT ${path} at ${client.address}`);
    } catch (error) {
      throw isCasRefusal(error) ? conflict(path, error) : error;
    }
  };

  return {
    async read(key, signal) {
      const { version, data } = await newest(key, signal);
      return data && { data, version: String(version) };
    },
    async create(key, data, signal) {
      try {
        await write(key, data, 0, signal);
      } catch (error) {
        if (!isCoded(error, 'KMS_CONFLICT')) throw error;
        // A deleted entry keeps its numbers, so that zero is refused although there is nothing to be read.
        const current = await newest(key, signal);
        if (current.data) throw error;
        await write(key, data, current.version, signal);
      }
    },
    async replace(key, data, version, signal) {
      const cas = Number(version);
      if (!Number.isSafeInteger(cas) || cas < 1) throw conflict(dataPath(key));
      await write(key, data, cas, signal);
    },
    async remove(key, mode, signal) {
      const path = mode === 'destroy' ? joinPath(mount, 'metadata', key) : dataPath(key);
      await client.request({ method: 'DELETE', path, absentIsAnswer: true, ...(signal && { signal }) });
    },
  };
}

function isCasRefusal(error: unknown): boolean {
  return error instanceof VaultError && error.status === 400 && error.message.includes('check-and-set parameter');
}

function conflict(path: string, cause?: unknown): VaultError {
  return new VaultError('KMS_CONFLICT', `the entry at ${path} is not in the expected version`, {
    remedy: 'Another caller was faster: read the entry again and repeat the call.',
    cause,
  });
}

function notVersioned(doing: string): CodedError {
  return new CodedError('CONFIG_INVALID', `the engine is not a KV engine of version 2 (${doing})`, {
    remedy: 'Correct the KV version or the mount path in the configuration.',
  });
}
