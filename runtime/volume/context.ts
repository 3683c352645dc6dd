/** What every operation on volumes is given, and what it is told about one call. */
import type { KeyedLock } from '../async/keyed-lock';
import type { BackEnd } from '../device/back-end';
import type { KmsSet } from '../kms/kms-set';
import type { Log } from '../log';
import type { Cryptsetup } from '../luks/cryptsetup';
import type { Mounts } from '../mount/mounts';
import type { Run } from '../process/run';
import type { Secret } from '../secret';
import type { OrphanKeys } from './orphans';
import type { StageRecords } from './stage-record';
import type { Verifications } from './verifications';

/** The parts that serve all calls. */
export interface SharedDeps {
  readonly kms: KmsSet;
  readonly cryptsetup: Cryptsetup;
  readonly mounts: Mounts;
  readonly run: Run;
  readonly stages: StageRecords;
  /** Keys that could not be removed with their volume. */
  readonly orphans: OrphanKeys;
  /** When each key was last proven to open its volume. */
  readonly verifications: Verifications;
  /** One operation a volume or snapshot at a time. */
  readonly locks: KeyedLock;
  readonly log: Log;
  readonly now: () => Date;
}

/** The same with the back end that serves this call. */
export interface VolumeDeps extends SharedDeps {
  readonly backEnd: BackEnd;
}

/** What a call brings besides its subject. */
export interface Call {
  /** The CSI secrets of this call; zeroed by whoever made them. */
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly signal?: AbortSignal;
}
