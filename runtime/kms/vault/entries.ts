/** One KV entry a volume, in the layout of ceph-csi (facts/ceph-csi-kms.md §5): what the Vault types that store keys have in common. */
import { isUtf8 } from 'node:buffer';
import * as z from 'zod';
import type { DeletionPolicy } from '../../../lib/schema/kms';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import type { KeyValue } from '../../vault/kv';
import type { CallContext, KeyReference, StoresKeys } from '../provider';

/** Where the entry of one volume is, and what becomes of it at the end. */
export interface Place {
  readonly kv: KeyValue;
  /** Path below the mount. */
  readonly key: string;
  readonly deletion: DeletionPolicy;
}

/** Finds the place of a volume's key, and lends it for one action. */
export type At = <T>(ref: KeyReference, ctx: CallContext, action: (place: Place) => Promise<T>) => Promise<T>;

export function keysInEntries(at: At): Pick<StoresKeys, 'fetch' | 'store' | 'remove'> {
  return {
    fetch: (ref, ctx) =>
      at(ref, ctx, async ({ kv, key }) => {
        const entry = await kv.read(key, ctx.signal);
        return entry && { dek: readEntry(entry.data, ref), version: entry.version };
      }),

    store: (ref, dek, expectedVersion, ctx) =>
      at(ref, ctx, async ({ kv, key }) => {
        const data = makeEntry(dek);
        if (expectedVersion === undefined) await kv.create(key, data, ctx.signal);
        else await kv.replace(key, data, expectedVersion, ctx.signal);
      }),

    remove: (ref, ctx) =>
      at(ref, ctx, async ({ kv, key, deletion }) => {
        if (deletion !== 'keep') await kv.remove(key, deletion, ctx.signal);
      }),
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
