/**
 * The steps of a rotation of the passphrase on one header. The record names the keyslots that are filled and who fills
 * them: whoever comes later takes it over by writing a claim of its own, and who finds another claim there was overtaken
 * and stops before the next step that cannot be undone. So it is safe also where the lock of the back end was lost.
 */
import { randomUUID } from 'node:crypto';
import type { LuksParameters } from '../../lib/schema/volume-parameters';
import type { KeyHold } from '../device/back-end';
import type { EncryptionRecord } from '../device/record';
import { CodedError } from '../errors';
import type { VersionedKey } from '../kms/provider';
import { readHeader } from '../luks/header';
import type { Secret } from '../secret';
import type { Call, VolumeDeps } from './context';
import { noKeyOpens } from './key-mismatch';
import { keyOf, type VolumeKey } from './keys';
import { freeKeyslot } from './keyslots';
import { requireSoundHeader } from './open';
import { requireVolume, updateEncryption } from './records';
import { runSteps, type Step, step } from './steps';
import { writeToken } from './token';

export interface HeaderToRotate {
  readonly volumeId: string;
  /** As it fits the header that is there now. */
  readonly encryption: EncryptionRecord;
  readonly path: string;
  readonly hold: KeyHold;
}

/** The caller holds the locks of the volume. @throws CodedError VOLUME_BUSY, LUKS_*, KMS_*. */
export function rotateHeader(deps: VolumeDeps, header: HeaderToRotate, call: Call): Promise<void> {
  return withNewKey(deps, header.volumeId, header.encryption, call, (key, current, newDek) =>
    new Rotation(deps, header, key).steps(current, newDek),
  );
}

/** Runs the steps that `stepsOf` gives for a new key in place of the current one. Both are zeroed afterwards. */
export async function withNewKey(
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

type RotationNote = NonNullable<EncryptionRecord['rotation']>;

class Rotation {
  readonly #image;
  readonly #claim = randomUUID();

  constructor(
    private readonly deps: VolumeDeps,
    private readonly header: HeaderToRotate,
    private readonly key: VolumeKey,
  ) {
    this.#image = { kind: 'volume', id: header.volumeId } as const;
  }

  /** What is left to do: all of it, or the end of a rotation that was killed. */
  async steps(current: VersionedKey, newDek: Secret): Promise<readonly Step[]> {
    const { volumeId, encryption, path } = this.header;
    const header = await requireSoundHeader(this.deps, volumeId, encryption, path);
    const openedSlot = await this.deps.cryptsetup.testKey(path, current.dek);
    if (openedSlot === undefined) throw noKeyOpens(this.#image);

    const begun = encryption.rotation;
    const filled = begun ? [begun.oldKeyslot, begun.newKeyslot, ...(begun.orphanKeyslots ?? [])] : [];
    const others = filled.filter((each) => each !== openedSlot);
    if (begun && openedSlot !== begun.oldKeyslot) {
      return [this.#begin(begun, begun), ...this.#retireAll(others, current.dek), this.#finish()];
    }
    const active = header.keyslots.map((each) => each.id);
    const doubles = await this.#alsoOpenedBy(
      current.dek,
      active.filter((each) => each !== openedSlot && !filled.includes(each)),
    );
    const newKeyslot = freeKeyslot(header);
    const orphanKeyslots = [...others.filter((each) => active.includes(each)), ...doubles];
    const next = { oldKeyslot: openedSlot, newKeyslot, orphanKeyslots };
    return [
      this.#begin(begun, next),
      this.#guarded(step('add-keyslot', () => this.#add(newKeyslot, encryption.luks, current.dek, newDek))),
      this.#guarded(step('replace-key', () => this.key.replace(newDek, current))),
      step('read-back', () => this.#proveStoredKey(newKeyslot, newDek)),
      ...this.#retireAll([openedSlot, ...orphanKeyslots], newDek),
      this.#finish(),
    ];
  }

  /** The current key in further keyslots, as ceph-csi leaves it there when its rotation is killed. */
  async #alsoOpenedBy(dek: Secret, keyslots: readonly number[]): Promise<readonly number[]> {
    const opened: number[] = [];
    for (const keyslot of keyslots) {
      if ((await this.deps.cryptsetup.testKey(this.header.path, dek, keyslot)) === keyslot) opened.push(keyslot);
    }
    return opened;
  }

  /** Notes what will be filled, in place of what was read before; then this rotation is the one that goes on. */
  #begin(before: RotationNote | undefined, next: Omit<RotationNote, 'startedAt' | 'claim'>): Step {
    return step('begin', async () => {
      const rotation = { ...next, startedAt: this.deps.now().toISOString(), claim: this.#claim };
      await updateEncryption(this.deps, this.#image, (latest) => {
        const isAsRead = isSame(latest.rotation, before) && latest.rotatedAt === this.header.encryption.rotatedAt;
        // A write whose answer was lost is made again: then the claim is there already.
        if (!isAsRead && latest.rotation?.claim !== this.#claim) throw this.#overtaken();
        return { ...latest, rotation };
      });
    });
  }

  /**
   * The orphans go last, like the old keyslot: the write of a rotation that was killed may still be on its way to the KMS,
   * and only the next one that succeeds makes sure that it comes to nothing.
   */
  #retireAll([oldKeyslot, ...orphans]: readonly number[], authDek: Secret): readonly Step[] {
    const retire = step('retire-keyslot', async () => {
      if (oldKeyslot !== undefined) await this.#retire(oldKeyslot, authDek);
    });
    const drop = step('drop-orphan', async () => {
      for (const orphan of orphans) await this.#retire(orphan, authDek);
    });
    return [...(oldKeyslot === undefined ? [] : [retire]), ...(orphans.length === 0 ? [] : [drop])].map((each) =>
      this.#guarded(each),
    );
  }

  #guarded({ name, run }: Step): Step {
    const guarded = async () => {
      await this.#confirm();
      await run();
    };
    return { name, run: guarded };
  }

  /** That neither the lock nor the claim has gone to another. */
  async #confirm(): Promise<void> {
    await this.header.hold.confirm();
    const { rotation } = (await requireVolume(this.deps, this.header.volumeId)).encryption;
    if (rotation?.claim !== this.#claim) throw this.#overtaken();
  }

  async #add(keyslot: number, luks: LuksParameters, authDek: Secret, newDek: Secret): Promise<void> {
    const { cryptsetup } = this.deps;
    const { path } = this.header;
    await cryptsetup.addKey({ device: path, authDek, newDek, keyslot, luks });
    if ((await cryptsetup.testKey(path, newDek, keyslot)) !== keyslot) throw noKeyOpens(this.#image);
  }

  /** A cold test: what the KMS gives now, not what is remembered here, must open the new keyslot. */
  async #proveStoredKey(keyslot: number, newDek: Secret): Promise<void> {
    const stored = await this.key.fetch();
    try {
      const opens =
        stored.dek.equals(newDek) &&
        (await this.deps.cryptsetup.testKey(this.header.path, stored.dek, keyslot)) === keyslot;
      if (!opens) throw noKeyOpens(this.#image);
    } finally {
      stored.dek.zero();
    }
  }

  async #retire(keyslot: number, authDek: Secret): Promise<void> {
    const { path } = this.header;
    const active = (await readHeader(path)).keyslots.some((each) => each.id === keyslot);
    if (active) await this.deps.cryptsetup.killSlot(path, keyslot, authDek);
  }

  #finish(): Step {
    const finish = step('finish', async () => {
      const { rotation: _done, ...rest } = (await requireVolume(this.deps, this.header.volumeId)).encryption;
      const finished = { ...rest, rotatedAt: this.deps.now().toISOString() };
      await writeToken(this.deps, this.#image, finished, this.header.path);
      await updateEncryption(this.deps, this.#image, ({ rotation, ...latest }) => {
        // Gone already where a write whose answer was lost is made again.
        if (rotation && rotation.claim !== this.#claim) throw this.#overtaken();
        return { ...latest, rotatedAt: finished.rotatedAt };
      });
    });
    return this.#guarded(finish);
  }

  #overtaken(): CodedError {
    const { id } = this.#image;
    return new CodedError(
      'VOLUME_BUSY',
      `another process rotates the key of volume ${id}, and took over from this one`,
      {
        remedy: 'Nothing, or repeat the call when that one has ended. See whether two drivers serve one node.',
      },
    );
  }
}

function isSame(one: RotationNote | undefined, other: RotationNote | undefined): boolean {
  return one?.claim === other?.claim && one?.startedAt === other?.startedAt;
}
