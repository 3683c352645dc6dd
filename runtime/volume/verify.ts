/**
 * Proof that a volume could be opened now: its header is the one of its record, and the key that the KMS gives at this
 * moment opens it. The mapping and the data are not touched, so it can be asked of a volume in use.
 */
import { throwIfAborted } from '../async/deadline';
import type { ImageRef } from '../device/back-end';
import type { EncryptionRecord } from '../device/record';
import { CodedError, toCoded } from '../errors';
import { readHeader } from '../luks/header';
import { verifyForeignHeader } from '../luks/verify';
import type { Call, VolumeDeps } from './context';
import { asSeen } from './inherited';
import { noKeyOpens } from './key-mismatch';
import { keyOf } from './keys';
import { requireSoundHeader } from './open';
import { requireRecord } from './records';

export interface Verified {
  /** The keyslot that the key opened. Absent for an image that was never formatted: there the key itself was fetched. */
  readonly keyslot?: number;
  /** Keyslots besides: of a rotation that was interrupted, or an operator's. */
  readonly otherKeyslots: readonly number[];
}

/**
 * Verifies, and notes the outcome in the state of the node.
 * @throws CodedError what the next open would meet: KMS_*, LUKS_*, DEVICE_*, VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND.
 */
export async function verifyKey(deps: VolumeDeps, image: ImageRef, call: Call): Promise<Verified> {
  const note = (outcome: string) => deps.verifications.put({ id: image.id, at: deps.now().toISOString(), outcome });
  try {
    const verified = await verify(deps, image, call);
    await note('OK');
    return verified;
  } catch (error) {
    const { code } = toCoded(error);
    if (code !== 'VOLUME_NOT_FOUND' && code !== 'SNAPSHOT_NOT_FOUND') await note(code);
    throw error;
  }
}

async function verify(deps: VolumeDeps, image: ImageRef, call: Call): Promise<Verified> {
  const { encryption, complete } = await requireRecord(deps, image);
  if (!complete) {
    throw new CodedError('VOLUME_BUSY', `${image.kind} ${image.id} is not finished`, {
      remedy: 'Repeat the call that makes it.',
    });
  }
  const key = keyOf(deps, image, encryption, call);
  let { dek } = await key.fetch();
  try {
    if (encryption.phase === 'prepared' || encryption.phase === 'formatting') return { otherKeyslots: [] };
    return await deps.backEnd.images.withHeader(image, async (path) => {
      for (;;) {
        const header = await soundHeader(deps, image, encryption, path);
        const keyslot = await deps.cryptsetup.testKey(path, dek);
        if (keyslot !== undefined) {
          const others = header.keyslots.filter(({ id, type }) => id !== keyslot && type !== 'reencrypt');
          return { keyslot, otherKeyslots: others.map(({ id }) => id) };
        }
        // A rotation may have replaced the key since it was fetched. Only the key of now says something.
        throwIfAborted(call.signal);
        const { dek: latest } = await key.fetch();
        const isReplaced = !latest.equals(dek);
        dek.zero();
        dek = latest;
        if (!isReplaced) throw noKeyOpens(image);
      }
    });
  } finally {
    dek.zero();
  }
}

async function soundHeader(deps: VolumeDeps, image: ImageRef, encryption: EncryptionRecord, path: string) {
  const header = await readHeader(path);
  // Of a volume that another driver made nothing is pinned yet.
  if (!encryption.foreign) return requireSoundHeader(deps, image.id, await asSeen(encryption, path), path);
  verifyForeignHeader(header);
  return header;
}
