/** KMS type `vault`: one KV entry a volume, in the layout of ceph-csi (facts/ceph-csi-kms.md §5). */
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { VaultKmsSettings } from '../../../lib/schema/kms';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import type { VaultClient } from '../../vault/client';
import { joinPath } from '../../vault/connection';
import type { KeyValue } from '../../vault/kv';
import { detectKvVersion, openKeyValue } from '../../vault/kv-engine';
import type { CallContext, KeyReference, StoresKeys } from '../provider';
import { VaultClients } from './clients';

export function vaultProvider(settings: VaultKmsSettings): StoresKeys {
  const { namespace, backendPath: mountPath, passphrasePath, destroyKeys } = settings;
  const clients = new VaultClients(settings);
  let detected: 1 | 2 | undefined;

  const versionOf = async (client: VaultClient, { signal }: CallContext): Promise<1 | 2> => {
    if (settings.backend !== 'detect') return settings.backend === 'kv-v2' ? 2 : 1;
    detected ??= await detectKvVersion(client, { namespace, mountPath }, signal);
    return detected;
  };
  const open = async (ctx: CallContext): Promise<KeyValue> => {
    const client = await clients.get(ctx);
    return openKeyValue(client, { namespace, mountPath, version: await versionOf(client, ctx) });
  };
  const keyOf = ({ volumeId }: KeyReference) => joinPath(passphrasePath, volumeId);

  return {
    family: 'stores',

    async fetch(ref, ctx) {
      const entry = await (await open(ctx)).read(keyOf(ref), ctx.signal);
      return entry && { dek: readEntry(entry.data, ref), version: entry.version };
    },

    async store(ref, dek, expectedVersion, ctx) {
      const data = makeEntry(dek);
      const kv = await open(ctx);
      if (expectedVersion === undefined) await kv.create(keyOf(ref), data, ctx.signal);
      else await kv.replace(keyOf(ref), data, expectedVersion, ctx.signal);
    },

    async remove(ref, ctx) {
      await (await open(ctx)).remove(keyOf(ref), destroyKeys ? 'destroy' : 'recoverable', ctx.signal);
    },

    async close() {
      clients.close();
    },
  };
}

/** Nested once more than one would: ceph-csi rejects the flat form, so it is neither written nor read. */
const entryShape = z.object({ data: z.object({ passphrase: z.string().min(1) }) });

function makeEntry(dek: Secret): z.output<typeof entryShape> {
  return dek.use((bytes) => {
    if (isUtf8(bytes)) return { data: { passphrase: bytes.toString('utf8') } };
    throw new CodedError('REQUEST_INVALID', 'the key is not text, and a KV entry holds text', {
      remedy: 'Use a key that is text, as those that keyward makes are.',
    });
  });
}

function readEntry(data: Readonly<Record<string, unknown>>, { volumeId }: KeyReference): Secret {
  const parsed = entryShape.safeParse(data);
  if (parsed.success) return Secret.fromText(parsed.data.data.passphrase);
  throw new CodedError('KMS_ANSWER_INVALID', `the KV entry of ${volumeId} has no passphrase where it should be`, {
    remedy: 'The entry must hold {"data": {"passphrase": TEXT}}, as ceph-csi writes it.',
  });
}
