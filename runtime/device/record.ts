/**
 * What is known of a volume or snapshot outside its device: the durable creation record of R1. It is written before the
 * device is first used, and a format is permitted by the record alone, never by what the device shows.
 */
import type { LuksParameters } from '../../lib/schema/volume-parameters';
import type { KeyLocation } from '../key-location';

/**
 * How far the first use of a volume has come. Only forward:
 *
 *     prepared ──▶ formatting ──▶ formatted ──▶ ready
 *
 * - `prepared`   the device has never been written to; it must be blank
 * - `formatting` blankness was proven; luksFormat may have run, in part or whole
 * - `formatted`  the LUKS2 header is whole and the key opens it; mkfs may have run, in part or whole; never mounted
 * - `ready`      holds data: nothing formats it ever again
 */
export type Phase = 'prepared' | 'formatting' | 'formatted' | 'ready';

export type AccessType = 'mount' | 'block';
export type FsType = 'ext4' | 'xfs';

export interface EncryptionRecord {
  readonly kmsId: string;
  /** Tenant: namespace of the claim, '' when the provisioner did not say. Kept so that deletion works without the claim (R14). */
  readonly owner: string;
  /** Where the KMS keeps the key, where its tenant decides that. Written before the key is made: without it there is none. */
  readonly keyLocation?: KeyLocation;
  /** The DEK wrapped by the KMS; only for KMS types that wrap. */
  readonly wrappedDek?: string;
  /** Pinned before the first format and compared at each open. A clone gets its own. */
  readonly luksUuid: string;
  readonly luks: LuksParameters;
  /** Start of the encrypted data on the device, in bytes. The device is larger than the volume by this. */
  readonly headerBytes: number;
  readonly phase: Phase;
  /** Pinned before mkfs. A clone keeps its source's, because changing it needs the opened device. */
  readonly fsUuid: string;
  /**
   * Present while a passphrase rotation is under way: the keyslot that the KMS key opened when it began and the one that
   * takes the new key, and those that rotations which were killed had filled. Only these are ever killed; a keyslot that
   * an operator added stays.
   */
  readonly rotation?: {
    readonly oldKeyslot: number;
    readonly newKeyslot: number;
    readonly orphanKeyslots?: readonly number[];
    readonly startedAt: string;
    /** Of whoever carries it out: a process that finds another one here was overtaken, and stops. */
    readonly claim?: string;
  };
  /** RFC 3339; absent until the first rotation. */
  readonly rotatedAt?: string;
  /** RFC 3339; when the key was last wrapped again with a newer version of the KEK. */
  readonly rewrappedAt?: string;
  /**
   * Present while the data is re-encrypted with a new volume key: the keyslot of the old one. Only then may the header have
   * more than one segment. Clones, snapshots, expansion and the rotation of the passphrase wait for the end.
   */
  readonly reencryption?: { readonly oldKeyslot: number; readonly startedAt: string };
  /** RFC 3339; absent while the volume has the volume key of its format, or of its source. */
  readonly reencryptedAt?: string;
  /**
   * Made by another driver (ceph-csi) and never opened by us: `luksUuid`, `luks`, `headerBytes` and `fsUuid` are placeholders.
   * The first open that the volume's own key proves learns them.
   */
  readonly foreign?: true;
  /**
   * A copy that still has the header of its source, with this UUID, and opens with the passphrase that its source had at
   * the copy, which the KMS holds under the copy's own id. The first stage gives it a key and a UUID of its own.
   */
  readonly inheritedUuid?: string;
  /** The volume was given its size with the header inside, as ceph-csi does: it offers `headerBytes` less. */
  readonly headerInside?: true;
}

export interface ContentSource {
  readonly kind: 'volume' | 'snapshot';
  readonly id: string;
}

export interface VolumeRecord {
  readonly id: string;
  /** The name that CreateVolume gave: the key of its idempotency. */
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** What the claim was given: the volume offers this, or less by the header (see {@link EncryptionRecord.headerInside}). */
  readonly sizeBytes: number;
  /** Absent when another driver made the volume and did not note it: then the request decides. */
  readonly accessType?: AccessType;
  /** Only with access type `mount`. */
  readonly fsType?: FsType;
  readonly mkfsOptions?: string;
  /** The StorageClass, where its parameters name it. Of a snapshot that of its volume. */
  readonly className?: string;
  readonly source?: ContentSource;
  /** Whether CreateVolume has come to its end; an unfinished volume is neither listed nor staged. */
  readonly complete: boolean;
  readonly encryption: EncryptionRecord;
}

/** A snapshot is an image of its own, with a key of its own; what a restore needs is copied from the volume. */
export interface SnapshotRecord extends Omit<VolumeRecord, 'source'> {
  readonly sourceVolumeId: string;
}
