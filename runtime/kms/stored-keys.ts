/** Keys that the KMS itself keeps. */
import type { Secret } from '../secret';
import { type Attempt, conflict, type KeyFamily } from './key-family';
import { checkFound } from './limits';
import type { KeyReference, StoresKeys, VersionedKey } from './provider';

export function storedKeys(provider: StoresKeys): KeyFamily {
  const find = async (ref: KeyReference, attempt: Attempt): Promise<VersionedKey | undefined> => {
    const found = await attempt((ctx) => provider.fetch(ref, ctx));
    if (found) checkFound(found.dek);
    return found;
  };
  const findEqual = async (ref: KeyReference, dek: Secret, attempt: Attempt): Promise<VersionedKey> => {
    const found = await find(ref, attempt);
    if (found?.dek.equals(dek)) return found;
    found?.dek.zero();
    throw conflict(ref);
  };

  return {
    find,

    async create(ref, dek, attempt) {
      await attempt((ctx) => provider.store(ref, dek, undefined, ctx));
      return findEqual(ref, dek, attempt);
    },

    async replace(ref, { dek, expectedVersion }, attempt) {
      await attempt((ctx) => provider.store(ref, dek, expectedVersion, ctx));
      (await findEqual(ref, dek, attempt)).dek.zero();
    },

    remove: (ref, attempt) => attempt((ctx) => provider.remove(ref, ctx)),
  };
}
