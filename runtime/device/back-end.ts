/**
 * The port behind which block storage lives (design §6). A back end keeps two things for each volume and snapshot: an
 * image (the bytes) and a record (what is known of it). It knows nothing of LUKS, KMS or CSI.
 *
 * Every method may be killed at any point and called again with the same arguments.
 */
import type { SnapshotRecord, VolumeRecord } from './record';

export interface BackEnd {
  readonly volumes: RecordStore<VolumeRecord>;
  readonly snapshots: RecordStore<SnapshotRecord>;
  readonly images: Images;
  readonly devices: Devices;

  /** From where an image can be attached: the node that holds it, or every node of the cluster. */
  readonly reach: 'node' | 'cluster';
  /**
   * Whether an id was given out by this back end for another node, whose part of an operation is not ours to do.
   * A cluster-wide back end always answers false.
   */
  isElsewhere(id: string): boolean;
  /**
   * Runs `action` while no other node, and no other driver, changes the keys of the volume. A holder that died keeps others
   * waiting for a few minutes at most. @throws CodedError VOLUME_BUSY when somebody else does.
   */
  exclusively<T>(volumeId: string, action: (hold: KeyHold) => Promise<T>): Promise<T>;
  /** What whoever stages the volume must be told of its storage (`volume_context`). */
  volumeContext(id: string): Promise<Readonly<Record<string, string>>>;
  /** Bytes that new images can take, and the largest single image. */
  capacity(): Promise<{ readonly availableBytes: number; readonly maximumImageBytes: number }>;
}

/** The right to change the keys of a volume. A holder that was cut off, or stood still for too long, has lost it. */
export interface KeyHold {
  /** To be asked before each step that cannot be undone. @throws CodedError VOLUME_BUSY when the right is lost. */
  confirm(): Promise<void>;
}

export interface RecordStore<R extends { readonly id: string; readonly name: string }> {
  /** Gives the id under which `name` is known, making one when it is new. The same name always gets the same id until {@link forget}. */
  reserve(name: string): Promise<string>;
  /** @throws CodedError RECORD_INVALID when what is stored cannot be read. */
  get(id: string): Promise<R | undefined>;
  /** Writes the first record of an id, durably and as a whole. @throws CodedError VOLUME_BUSY when another process has. */
  put(record: R): Promise<void>;
  /**
   * Applies `change` to the stored record and stores the result, durably and as a whole.
   * @throws CodedError VOLUME_NOT_FOUND (or SNAPSHOT_NOT_FOUND) when there is none.
   */
  update(id: string, change: (record: R) => R): Promise<R>;
  /** All ids that have a record, in a stable order. */
  list(): Promise<readonly string[]>;
  /** Removes the name, then the record. No error when both are gone. */
  forget(id: string, name: string): Promise<void>;
}

export interface ImageRef {
  readonly kind: 'volume' | 'snapshot';
  readonly id: string;
}

export interface Images {
  /**
   * `bytes`: a copy stands by itself at once, its header can be rewritten here, and writes to the source must rest meanwhile.
   * `layers`: the storage itself makes a copy of one instant, also of an image in use on another node; nothing is read.
   */
  readonly copies: 'bytes' | 'layers';
  /** Makes the image at least `sizeBytes` long, reading as zeros where it is new. Never shrinks. @throws CodedError STORAGE_FULL. */
  allocate(image: ImageRef, sizeBytes: number): Promise<void>;
  /**
   * Copies an image as it is at one instant: afterwards `to` exists with all bytes of `from`, or not at all. Does nothing
   * when `to` exists.
   */
  copy(from: ImageRef, to: ImageRef, signal?: AbortSignal): Promise<void>;
  /** Undefined when there is no image. */
  sizeBytes(image: ImageRef): Promise<number | undefined>;
  /** True only when the image was never written to: proof from the storage itself, not from reading. Undefined: cannot tell, or no image. */
  isUnwritten(image: ImageRef): Promise<boolean | undefined>;
  /** What the image takes in its storage, which may be less than its size. Absent where that takes long to find out. */
  storedBytes?(image: ImageRef): Promise<number>;
  /**
   * Gives back what the storage keeps of the image though it reads as zeros, in use or not; the bytes stay as they are.
   * Absent where storage takes no more than was written and not discarded. @throws CodedError VOLUME_NOT_FOUND.
   */
  reclaim?(image: ImageRef): Promise<void>;
  /** Who has the image attached, anywhere: a device of this node or the address of another. Undefined: nobody, or no image. */
  usedBy(image: ImageRef): Promise<string | undefined>;
  /** No error when it is gone. @throws CodedError VOLUME_IN_USE while it is attached. */
  remove(image: ImageRef): Promise<void>;
  /**
   * Lends a path through which header-only work sees the current bytes, attached or not; an image that has no path without
   * being attached is attached for the length of `action`.
   */
  withHeader<T>(image: ImageRef, action: (path: string) => Promise<T>): Promise<T>;
}

export interface Devices {
  /** Attaches the volume's image to this node and gives its block device; gives the present device when it is attached. */
  attach(volumeId: string, signal?: AbortSignal): Promise<string>;
  /** The block device, when attached here. */
  find(volumeId: string): Promise<string | undefined>;
  /** Makes an attached device as large as its image. */
  refreshSize(volumeId: string): Promise<void>;
  /** No error when it is not attached. @throws CodedError DEVICE_BUSY while something holds the device. */
  detach(volumeId: string): Promise<void>;
}
