/**
 * Rotation of the passphrase in place (R2, design §8): new key → keyslot → test → KMS with compare-and-set → read back →
 * test what was read back → retire the old keyslot. At every instant the key in the KMS opens some keyslot.
 *
 * It works on the header alone, so a volume may be staged and in use, or not. The volume key does not change.
 */
import type { LuksParameters } from '../../lib/schema/volume-parameters';
import type { EncryptionRecord } from '../device/record';
import type { VersionedKey } from '../kms/provider';
import { readHeader } from '../luks/header';
import type { Secret } from '../secret';
import type { Call, VolumeDeps } from './context';
import { learnHeader } from './foreign';
import { asSeen } from './inherited';
import { noKeyOpens } from './key-mismatch';
import { keyOf, type VolumeKey } from './keys';
import { freeKeyslot } from './keyslots';
import { requireSoundHeader } from './open';
import { requireVolume, updateEncryption } from './records';
import { requireNotReencrypting } from './reencryption';
import { refreshStaged } from './staged-volume';
import { runSteps, type Step, step } from './steps';
import { writeToken } from './token';

/** @throws CodedError VOLUME_NOT_FOUND, VOLUME_BUSY, LUKS_PASSPHRASE_REJECTED, KMS_*. */
export async function rotatePassphrase(deps: VolumeDeps, volumeId: string, call: Call): Promise<void> {
  await deps.locks.run(volumeId, 'EncryptionKeyRotate', async () => {
    await requireVolume(deps, volumeId);
    await deps.backEnd.exclusively(volumeId, () => rotate(deps, volumeId, call));
    await refreshStaged(deps, volumeId);
  });
}

async function rotate(deps: VolumeDeps, volumeId: string, call: Call): Promise<void> {
  const { encryption } = await requireVolume(deps, volumeId);
  requireNotReencrypting({ kind: 'volume', id: volumeId }, encryption);
  const image = { kind: 'volume', id: volumeId } as const;
  if (encryption.phase === 'prepared') {
    // Before the first format no header knows the key.
    return withNewKey(deps, volumeId, encryption, call, async (key, current, newDek) => [
      step('replace-key', () => key.replace(newDek, current)),
      step('finish', async () => {
        const rotatedAt = deps.now().toISOString();
        await updateEncryption(deps, image, (latest) => ({ ...latest, rotatedAt }));
      }),
    ]);
  }
  await deps.backEnd.images.withHeader(image, async (path) => {
    const seen = await learnHeader(deps, volumeId, encryption, path, call);
    await rotateHeader(deps, volumeId, await asSeen(seen, path), path, call);
  });
}

/** The rotation itself, on the header at `path`; the caller holds the locks of the volume. */
export function rotateHeader(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  path: string,
  call: Call,
): Promise<void> {
  return withNewKey(deps, volumeId, encryption, call, (key, current, newDek) =>
    new Rotation(deps, volumeId, path, key).steps(encryption, current, newDek),
  );
}

async function withNewKey(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  call: Call,
  stepsOf: (key: VolumeKey, current: VersionedKey, newDek: Secret) => Promise<readonly Step[]>,
): Promise<void> {
  const key = keyOf(deps, { kind: 'volume', id: volumeId }, encryption, call);
  const current = await key.fetch();
  const newDek = key.newDek();
  try {
    const steps = await stepsOf(key, current, newDek);
    await runSteps(steps, { operation: 'rotate', volumeId, log: deps.log, signal: call.signal });
  } finally {
    current.dek.zero();
    newDek.zero();
  }
}

class Rotation {
  readonly #image;

  constructor(
    private readonly deps: VolumeDeps,
    private readonly volumeId: string,
    private readonly path: string,
    private readonly key: VolumeKey,
  ) {
    this.#image = { kind: 'volume', id: volumeId } as const;
  }

  /** What is left to do: all of it, or the end of a rotation that was killed. */
  async steps(encryption: EncryptionRecord, current: VersionedKey, newDek: Secret): Promise<readonly Step[]> {
    const header = await requireSoundHeader(this.deps, this.volumeId, encryption, this.path);
    const openedSlot = await this.deps.cryptsetup.testKey(this.path, current.dek);
    if (openedSlot === undefined) throw noKeyOpens(this.#image);

    const begun = encryption.rotation;
    const filled = begun ? [begun.oldKeyslot, begun.newKeyslot, ...(begun.orphanKeyslots ?? [])] : [];
    const others = filled.filter((each) => each !== openedSlot);
    if (begun && openedSlot !== begun.oldKeyslot) return [...this.#retireAll(others, current.dek), this.#finish()];

    const active = new Set(header.keyslots.map((each) => each.id));
    const orphanKeyslots = others.filter((each) => active.has(each));
    const newKeyslot = freeKeyslot(header);
    const rotation = { oldKeyslot: openedSlot, newKeyslot, orphanKeyslots, startedAt: this.deps.now().toISOString() };
    return [
      step('begin', () => this.#note(rotation)),
      step('add-keyslot', () => this.#add(newKeyslot, encryption.luks, current.dek, newDek)),
      step('replace-key', () => this.key.replace(newDek, current)),
      step('read-back', () => this.#proveStoredKey(newKeyslot, newDek)),
      ...this.#retireAll([openedSlot, ...orphanKeyslots], newDek),
      this.#finish(),
    ];
  }

  /**
   * The orphans go last, like the old keyslot: the write of a rotation that was killed may still be on its way to the KMS,
   * and only the next one that succeeds makes sure that it comes to nothing.
   */
  #retireAll([oldKeyslot, ...orphans]: readonly number[], authDek: Secret): readonly Step[] {
    return [
      ...(oldKeyslot === undefined ? [] : [step('retire-keyslot', () => this.#retire(oldKeyslot, authDek))]),
      ...(orphans.length === 0
        ? []
        : [
            step('drop-orphan', async () => {
              for (const orphan of orphans) await this.#retire(orphan, authDek);
            }),
          ]),
    ];
  }

  async #add(keyslot: number, luks: LuksParameters, authDek: Secret, newDek: Secret): Promise<void> {
    await this.deps.cryptsetup.addKey({ device: this.path, authDek, newDek, keyslot, luks });
    if ((await this.deps.cryptsetup.testKey(this.path, newDek, keyslot)) !== keyslot) throw noKeyOpens(this.#image);
  }

  /** A cold test: what the KMS gives now, not what is remembered here, must open the new keyslot. */
  async #proveStoredKey(keyslot: number, newDek: Secret): Promise<void> {
    const stored = await this.key.fetch();
    try {
      const opens =
        stored.dek.equals(newDek) && (await this.deps.cryptsetup.testKey(this.path, stored.dek, keyslot)) === keyslot;
      if (!opens) throw noKeyOpens(this.#image);
    } finally {
      stored.dek.zero();
    }
  }

  async #retire(keyslot: number, authDek: Secret): Promise<void> {
    const active = (await readHeader(this.path)).keyslots.some((each) => each.id === keyslot);
    if (active) await this.deps.cryptsetup.killSlot(this.path, keyslot, authDek);
  }

  #finish(): Step {
    return step('finish', async () => {
      const { rotation: _done, ...rest } = (await requireVolume(this.deps, this.volumeId)).encryption;
      const finished = { ...rest, rotatedAt: this.deps.now().toISOString() };
      await writeToken(this.deps, this.#image, finished, this.path);
      await updateEncryption(this.deps, this.#image, ({ rotation: _ended, ...latest }) => ({
        ...latest,
        rotatedAt: finished.rotatedAt,
      }));
    });
  }

  async #note(rotation: NonNullable<EncryptionRecord['rotation']>): Promise<void> {
    await updateEncryption(this.deps, this.#image, (latest) => ({ ...latest, rotation }));
  }
}
