/**
 * The key of one volume or snapshot: its KMS, its reference there, and, for KMS types that wrap, the place of the wrapped
 * key in the record. Here the KMS and the record meet.
 */
import type { ImageRef } from '../device/back-end';
import type { EncryptionRecord } from '../device/record';
import { CodedError } from '../errors';
import type { VersionedKey } from '../kms/provider';
import type { Secret } from '../secret';
import type { Call, VolumeDeps } from './context';
import { requireRecord, updateEncryption } from './records';

export interface VolumeKey {
  /** Gets the key, making and storing one when there is none. */
  ensure(): Promise<VersionedKey>;
  /** Stores `dek` as the key, in place of another one if there is. True when it was not the stored key before. */
  adopt(dek: Secret): Promise<boolean>;
  /** @throws CodedError KMS_KEY_NOT_FOUND. */
  fetch(): Promise<VersionedKey>;
  /** Stores `dek` in place of `expected`. @throws CodedError KMS_CONFLICT when it is no longer what is stored. */
  replace(dek: Secret, expected: VersionedKey): Promise<void>;
  /** Wraps the key again with the newest version of the KEK. False where that changes nothing. */
  rewrap(): Promise<boolean>;
  /** No error when there is no key. */
  remove(): Promise<void>;
  newDek(): Secret;
}

export function keyOf(deps: VolumeDeps, image: ImageRef, encryption: EncryptionRecord, call: Call): VolumeKey {
  const kms = deps.kms.get(encryption.kmsId);
  const reference = { volumeId: image.id, owner: encryption.owner, location: encryption.keyLocation };
  const wrapped = {
    read: async () => (await requireRecord(deps, image)).encryption.wrappedDek,
    write: async (text: string, expected: string | undefined) => {
      await updateEncryption(deps, image, (present) => {
        if (present.wrappedDek !== expected) throw changedMeanwhile(image);
        return { ...present, wrappedDek: text };
      });
    },
  };
  const ensure = async (initial?: Secret) => {
    const location = encryption.keyLocation ?? (await kms.locate(reference, call));
    if (location && !encryption.keyLocation) {
      await updateEncryption(deps, image, (present) => ({ keyLocation: location, ...present }));
    }
    return kms.ensure(reference, call, wrapped, initial);
  };
  return {
    ensure: () => ensure(),
    adopt: async (dek) => {
      const present = await ensure(dek);
      try {
        if (present.dek.equals(dek)) return false;
        await kms.replace(reference, dek, present, call, wrapped);
        return true;
      } finally {
        present.dek.zero();
      }
    },
    fetch: () => kms.fetch(reference, call, wrapped),
    replace: (dek, expected) => kms.replace(reference, dek, expected, call, wrapped),
    rewrap: () => kms.rewrap(reference, call, wrapped),
    remove: () => kms.remove(reference, call),
    newDek: () => kms.newDek(),
  };
}

function changedMeanwhile(image: ImageRef): CodedError {
  return new CodedError(
    'KMS_CONFLICT',
    `the wrapped key of ${image.kind} ${image.id} was changed by somebody else meanwhile`,
    {
      remedy: 'Repeat the call: it begins from the key that is stored now.',
    },
  );
}
