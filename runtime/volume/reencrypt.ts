/**
 * Re-encryption of a volume's data with a new volume key: what rotation of the passphrase cannot do against somebody who has
 * an old copy of the header. The key in the KMS stays, and opens the volume at every instant: cryptsetup puts the second
 * volume key under the same passphrase.
 *
 * One call does as much as its time allows and tells how far it has come; the next goes on from the header, in use or not,
 * on whichever node. It can be killed anywhere.
 */
import { throwIfAborted } from '../async/deadline';
import type { KeyHold } from '../device/back-end';
import { blockSizeBytes } from '../device/block-size';
import type { EncryptionRecord } from '../device/record';
import { CodedError } from '../errors';
import { type Luks2Header, readHeader } from '../luks/header';
import { mappingName } from '../luks/mapping';
import { beginReencryption, convertedBytes, convertPiece, type ReencryptTarget } from '../luks/reencrypt';
import { isReencrypting } from '../luks/verify';
import type { Call, VolumeDeps } from './context';
import { learnHeader } from './foreign';
import { noKeyOpens } from './key-mismatch';
import { keyOf } from './keys';
import { mappingOf, requireSoundHeader } from './open';
import { requireVolume, updateEncryption } from './records';
import { convertInUse, endInUse } from './reencrypt-in-use';
import { refreshStaged } from './staged-volume';
import { runSteps, type Step, step } from './steps';
import { writeToken } from './token';

export interface ReencryptOptions {
  /** How long the call may convert: one piece at least, and what is under way is finished. */
  readonly budgetMs: number;
}

export interface ReencryptProgress {
  readonly done: boolean;
  readonly convertedBytes: number;
  readonly totalBytes: number;
}

/** Of a volume in use. Where a node is so slow that nothing comes of a piece, the next one is longer. */
const shortestPieceSeconds = 1;
const longestPieceSeconds = 32;
/** While the volume is not in use nobody waits for the end of a piece. */
const detachedPieceSeconds = 20;

/**
 * @throws CodedError VOLUME_NOT_FOUND, VOLUME_BUSY, VOLUME_IN_USE on another node, REQUEST_INVALID for a volume that cannot
 * be re-encrypted, LUKS_*, KMS_*.
 */
export async function reencryptVolume(
  deps: VolumeDeps,
  volumeId: string,
  call: Call,
  options: ReencryptOptions,
): Promise<ReencryptProgress> {
  return deps.locks.run(volumeId, 'ReencryptVolume', async () => {
    await requireVolume(deps, volumeId);
    const progress = await deps.backEnd.exclusively(volumeId, (hold) => reencrypt(deps, volumeId, call, options, hold));
    await refreshStaged(deps, volumeId);
    return progress;
  });
}

async function reencrypt(
  deps: VolumeDeps,
  volumeId: string,
  call: Call,
  options: ReencryptOptions,
  hold: KeyHold,
): Promise<ReencryptProgress> {
  const { encryption } = await requireVolume(deps, volumeId);
  requirePossible(volumeId, encryption);
  const image = { kind: 'volume', id: volumeId } as const;
  const { dek } = await keyOf(deps, image, encryption, call).fetch();
  try {
    const device = (await mappingOf(volumeId)) && (await deps.backEnd.devices.find(volumeId));
    if (device !== undefined) return await new Reencryption(deps, volumeId, device, call, dek, hold).run(options);
    await requireUsedNowhere(deps, volumeId);
    return await deps.backEnd.images.withHeader(image, (path) =>
      new Reencryption(deps, volumeId, path, call, dek, hold).run(options),
    );
  } finally {
    dek.zero();
  }
}

class Reencryption {
  readonly #image;
  readonly #target: ReencryptTarget;

  constructor(
    private readonly deps: VolumeDeps,
    private readonly volumeId: string,
    private readonly path: string,
    private readonly call: Call,
    dek: ReencryptTarget['dek'],
    private readonly hold: KeyHold,
  ) {
    this.#image = { kind: 'volume', id: volumeId } as const;
    this.#target = { run: deps.run, path, dek, signal: call.signal };
  }

  async run({ budgetMs }: ReencryptOptions): Promise<ReencryptProgress> {
    const endsAt = performance.now() + budgetMs;
    const stored = (await requireVolume(this.deps, this.volumeId)).encryption;
    const encryption = await learnHeader(this.deps, this.volumeId, stored, this.path, this.call);
    const header = await requireSoundHeader(this.deps, this.volumeId, encryption, this.path);
    const oldKeyslot = encryption.reencryption?.oldKeyslot ?? (await this.#onlyKeyslot(header));
    const deviceBytes = await blockSizeBytes(this.path);
    const totalBytes = deviceBytes - encryption.headerBytes;
    await this.#steps([
      step('note', () => this.#note(oldKeyslot)),
      step('begin', () => this.#begin(encryption, oldKeyslot)),
    ]);
    let seconds = shortestPieceSeconds;
    for (let pieces = 0; await this.#isUnfinished(); pieces += 1) {
      if (pieces > 0 && performance.now() >= endsAt) {
        const bytes = convertedBytes(await readHeader(this.path), oldKeyslot, deviceBytes);
        return { done: false, convertedBytes: bytes, totalBytes };
      }
      throwIfAborted(this.call.signal);
      await this.hold.confirm();
      const before = (await readHeader(this.path)).sequence;
      if (await mappingOf(this.volumeId)) await convertInUse(this.deps, this.volumeId, this.#target, seconds);
      else await this.#steps([step('convert', () => convertPiece(this.#target, detachedPieceSeconds))]);
      if ((await readHeader(this.path)).sequence === before) seconds = Math.min(longestPieceSeconds, 2 * seconds);
    }
    await this.#steps([
      step('settle', () => endInUse(this.deps, this.volumeId)),
      step('finish', () => this.#finish(oldKeyslot)),
    ]);
    return { done: true, convertedBytes: totalBytes, totalBytes };
  }

  /** Also when all is converted and the mapping waits still, over what it was before. */
  async #isUnfinished(): Promise<boolean> {
    return isReencrypting(await readHeader(this.path)) || ((await mappingOf(this.volumeId))?.suspended ?? false);
  }

  /** The one that the KMS opens. What an operator added cannot be taken over: its passphrase would be needed. */
  async #onlyKeyslot({ keyslots }: Luks2Header): Promise<number> {
    const opened = await this.deps.cryptsetup.testKey(this.path, this.#target.dek);
    if (opened === undefined) throw noKeyOpens(this.#image);
    const others = keyslots.filter(({ id }) => id !== opened).map(({ id }) => id);
    if (others.length === 0) return opened;
    throw impossible(
      `volume ${this.volumeId} has the keyslots ${others.join(', ')} besides the one of its KMS`,
      'They would not open it any more: remove them first with cryptsetup luksKillSlot.',
    );
  }

  async #note(oldKeyslot: number): Promise<void> {
    const startedAt = this.deps.now().toISOString();
    const noted = await updateEncryption(this.deps, this.#image, (latest) => ({
      ...latest,
      reencryption: latest.reencryption ?? { oldKeyslot, startedAt },
    }));
    // Later, while it lasts, cryptsetup lets nobody change a token.
    if (!isReencrypting(await readHeader(this.path))) await writeToken(this.deps, this.#image, noted, this.path);
  }

  async #begin({ luks }: EncryptionRecord, oldKeyslot: number): Promise<void> {
    const header = await readHeader(this.path);
    const ended = header.keyslots.every(({ id }) => id !== oldKeyslot);
    if (isReencrypting(header) || ended) return;
    await this.hold.confirm();
    // The second volume key of a beginning that was killed.
    for (const { id } of header.keyslots.filter((each) => each.id !== oldKeyslot)) {
      await this.deps.cryptsetup.killSlot(this.path, id, this.#target.dek);
    }
    const isOpen = (await mappingOf(this.volumeId)) !== undefined;
    await beginReencryption(this.#target, luks, isOpen ? mappingName(this.volumeId) : undefined);
  }

  async #finish(oldKeyslot: number): Promise<void> {
    const header = await readHeader(this.path);
    const slot = await this.deps.cryptsetup.testKey(this.path, this.#target.dek);
    if (slot === undefined || slot === oldKeyslot || header.keyslots.length !== 1) throw noKeyOpens(this.#image);
    const reencryptedAt = this.deps.now().toISOString();
    const done = ({ reencryption: _ended, ...rest }: EncryptionRecord): EncryptionRecord => ({
      ...rest,
      reencryptedAt,
    });
    const { encryption } = await requireVolume(this.deps, this.volumeId);
    await writeToken(this.deps, this.#image, done(encryption), this.path);
    await updateEncryption(this.deps, this.#image, done);
  }

  async #steps(steps: readonly Step[]): Promise<void> {
    const { volumeId, deps, call } = this;
    await runSteps(steps, { operation: 'reencrypt', volumeId, log: deps.log, signal: call.signal });
  }
}

function requirePossible(volumeId: string, { luks, phase, rotation, inheritedUuid }: EncryptionRecord): void {
  if (luks.integrity !== undefined) {
    throw impossible(
      `volume ${volumeId} has integrity protection`,
      'cryptsetup cannot re-encrypt it: make a new volume and copy the data.',
    );
  }
  if (phase === 'prepared' || phase === 'formatting' || inheritedUuid !== undefined) {
    throw impossible(
      `volume ${volumeId} has no header of its own yet`,
      'Nothing is to be done for a volume that was never used; a copy gets a header of its own when it is first staged.',
    );
  }
  if (!rotation) return;
  throw new CodedError('VOLUME_BUSY', `a rotation of the passphrase of volume ${volumeId} was interrupted`, {
    remedy: `Let it come to its end with keyward rotate ${volumeId} --passphrase, then repeat the call.`,
  });
}

/** @throws CodedError VOLUME_IN_USE where another node has it attached: only there can it be re-encrypted. */
async function requireUsedNowhere(deps: VolumeDeps, id: string): Promise<void> {
  const user = await deps.backEnd.images.usedBy({ kind: 'volume', id });
  if (user === undefined || user === (await deps.backEnd.devices.find(id))) return;
  throw new CodedError('VOLUME_IN_USE', `volume ${id} is in use by ${user}`, {
    remedy: 'Call the driver on that node, or wait until the volume is detached.',
  });
}

function impossible(message: string, remedy: string): CodedError {
  return new CodedError('REQUEST_INVALID', message, { remedy });
}
