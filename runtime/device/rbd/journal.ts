/**
 * ceph-csi's journal, in its own encoding: a directory object that leads from the name of a request to a UUID, and an
 * entry, an object for each UUID, that says what was made. Both are omaps in the pool and namespace of the image; only with
 * pools by topology is the directory in another pool.
 *
 * What is ours besides is one key of the entry, the record as JSON, which ceph-csi does not look at.
 */
import { CodedError } from '../../errors';
import type { ImageRef } from '../back-end';
import { decodePoolId, encodePoolId, isUuid } from './ids';

type Kind = ImageRef['kind'];

const words = {
  volume: { one: 'csi.volume.', all: 'csi.volumes.', name: 'csi.volname', imagePrefix: 'csi-vol-' },
  snapshot: { one: 'csi.snap.', all: 'csi.snaps.', name: 'csi.snapname', imagePrefix: 'csi-snap-' },
} as const satisfies Record<Kind, unknown>;

const keys = {
  imageName: 'csi.imagename',
  imageId: 'csi.imageid',
  journalPool: 'csi.journalpool',
  sourceImage: 'csi.source',
  // With "volume" in the entries of snapshots, too.
  kmsId: 'csi.volume.encryptKMS',
  encryptionType: 'csi.volume.encryptionType',
  owner: 'csi.volume.owner',
} as const;

/** The key of an entry under which the record is. */
export const recordKey = 'keyward.record';

/** What an entry says, apart from the record. */
export interface JournalEntry {
  /** The name of the request. */
  readonly name: string;
  readonly imageName: string;
  /** What RBD calls the image by itself; ceph-csi purges the trash with it. */
  readonly imageId?: string;
  /** Absent: the volume is not encrypted. */
  readonly kmsId?: string;
  readonly encryptionType?: string;
  /** Tenant: namespace of the claim. */
  readonly owner?: string;
  /** Of a snapshot: the image it was taken of. */
  readonly sourceImage?: string;
  /** Number of the pool of the directory, where that is not the pool of the image. */
  readonly journalPoolId?: number;
}

/** Name of the directory object. @param instanceId ceph-csi's `--instanceid`. */
export function directoryObject(kind: Kind, instanceId: string): string {
  return `${words[kind].all}${instanceId}`;
}

/** The key of the directory for the name of a request; the prefix of all keys for ''. */
export function directoryKey(kind: Kind, name: string): string {
  return `${words[kind].one}${name}`;
}

/** Where a directory says that an entry is. */
export interface EntryPlace {
  /** Absent: in the pool of the directory. */
  readonly poolId?: number;
  readonly uuid: string;
}

/** Undefined when it is something else; ceph-csi keeps old ids of mirrored volumes under other keys of the directory. */
export function decodePlace(value: Uint8Array): EntryPlace | undefined {
  const [uuid = '', pool, ...more] = Buffer.from(value).toString().split('/').reverse();
  if (!isUuid(uuid) || more.length > 0) return undefined;
  if (pool === undefined) return { uuid };
  const poolId = decodePoolId(pool);
  return poolId === undefined ? undefined : { poolId, uuid };
}

/** Name of the entry object. */
export function entryObject(kind: Kind, uuid: string): string {
  return `${words[kind].one}${uuid}`;
}

/** Name of the image. @param prefix The `volumeNamePrefix` of the class, for volumes. */
export function imageNameFor(kind: Kind, uuid: string, prefix: string = words[kind].imagePrefix): string {
  return `${prefix}${uuid}`;
}

/**
 * Undefined for an entry without a name: reserved by somebody who came no further.
 * @throws CodedError RECORD_INVALID for what no driver writes, such as an image name that is none.
 */
export function decodeEntry(
  kind: Kind,
  uuid: string,
  values: ReadonlyMap<string, Uint8Array>,
): JournalEntry | undefined {
  const text = (key: string) => {
    const value = values.get(key);
    return value === undefined ? undefined : Buffer.from(value).toString();
  };
  const name = text(words[kind].name);
  if (name === undefined) return undefined;
  // Entries from before ceph-csi had prefixes say no image name.
  const imageName = text(keys.imageName) ?? imageNameFor(kind, uuid);
  const journalPool = text(keys.journalPool);
  const journalPoolId = journalPool === undefined ? undefined : decodePoolId(journalPool);
  if (!isImageName(imageName)) throw malformed(kind, uuid, keys.imageName);
  if (journalPool !== undefined && journalPoolId === undefined) throw malformed(kind, uuid, keys.journalPool);
  return withoutUndefined({
    name,
    imageName,
    imageId: text(keys.imageId),
    kmsId: text(keys.kmsId),
    encryptionType: text(keys.encryptionType),
    owner: text(keys.owner),
    sourceImage: text(keys.sourceImage),
    journalPoolId,
  });
}

/** The keys of an entry. Like ceph-csi it says nothing of an owner that is not known. */
export function encodeEntry(kind: Kind, { name, owner, journalPoolId, ...rest }: JournalEntry): Map<string, string> {
  const { imageName, imageId, kmsId, encryptionType, sourceImage } = rest;
  return new Map(
    Object.entries(
      withoutUndefined({
        [words[kind].name]: name,
        [keys.imageName]: imageName,
        [keys.imageId]: imageId,
        [keys.kmsId]: kmsId,
        [keys.encryptionType]: encryptionType,
        [keys.owner]: owner || undefined,
        [keys.sourceImage]: sourceImage,
        [keys.journalPool]: journalPoolId === undefined ? undefined : encodePoolId(journalPoolId),
      }),
    ),
  );
}

/** It becomes an argument of the rbd command, whose syntax has `/` and `@`. */
function isImageName(text: string): boolean {
  return /^[^-/@\s\p{C}][^/@\s\p{C}]{0,254}$/u.test(text);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>;
}

function malformed(kind: Kind, uuid: string, key: string): CodedError {
  return new CodedError('RECORD_INVALID', `the journal entry of ${kind} ${uuid} has a malformed ${key}`, {
    remedy: `Look at it with rados listomapvals ${entryObject(kind, uuid)}; ceph-csi or keyward did not write this.`,
  });
}
