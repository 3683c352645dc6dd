/** Keys that the KMS wraps and the volume's metadata keeps. */
import { createHash } from 'node:crypto';
import { CodedError } from '../errors';
import type { Secret } from '../secret';
import { type Attempt, conflict, type KeyFamily, type WrappedKeyStore } from './key-family';
import { checkFound, checkWrapped } from './limits';
import type { KeyReference, VersionedKey, WrapsKeys } from './provider';

export function wrappedKeys(provider: WrapsKeys): KeyFamily {
  const unwrap = async (ref: KeyReference, wrapped: string, attempt: Attempt): Promise<Secret> => {
    checkWrapped(wrapped);
    const dek = await attempt((ctx) => provider.unwrap(ref, wrapped, ctx));
    checkFound(dek);
    return dek;
  };

  /** Wraps, and unwraps the result before it is trusted with the only copy of a key. */
  const wrap = async (ref: KeyReference, dek: Secret, attempt: Attempt): Promise<string> => {
    const wrapped = await attempt((ctx) => provider.wrap(ref, dek, ctx));
    checkWrapped(wrapped);
    using back = await unwrap(ref, wrapped, attempt);
    if (back.equals(dek)) return wrapped;
    throw new CodedError('KMS_ANSWER_INVALID', 'the KMS wrapped a key and unwrapped another one', {
      remedy: 'Nothing was changed. See the state of the KMS, then repeat the call.',
    });
  };

  const find = async (
    ref: KeyReference,
    attempt: Attempt,
    store: WrappedKeyStore,
  ): Promise<VersionedKey | undefined> => {
    const wrapped = await store.read();
    return wrapped === undefined
      ? undefined
      : { dek: await unwrap(ref, wrapped, attempt), version: versionOf(wrapped) };
  };

  const write = async (ref: KeyReference, wrapped: string, present: string | undefined, store: WrappedKeyStore) => {
    await store.write(wrapped, present);
    if ((await store.read()) !== wrapped) throw conflict(ref);
  };

  return {
    find,

    async create(ref, dek, attempt, store) {
      const wrapped = await wrap(ref, dek, attempt);
      await write(ref, wrapped, undefined, store);
      return { dek: dek.copy(), version: versionOf(wrapped) };
    },

    async replace(ref, { dek, expectedVersion }, attempt, store) {
      const present = await store.read();
      if (present === undefined || versionOf(present) !== expectedVersion) throw conflict(ref);
      await write(ref, await wrap(ref, dek, attempt), present, store);
    },

    /** The wrapped key goes away with the metadata, and the KMS never had it (R14: no need for the tenant). */
    async remove() {},
  };
}

/** Of the wrapped text, which is different for each wrapping; tells nothing of the key. */
function versionOf(wrapped: string): string {
  return `sha256:${createHash('sha256').update(wrapped).digest('hex').slice(0, 32)}`;
}
