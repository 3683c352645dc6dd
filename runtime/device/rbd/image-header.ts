/**
 * What an RBD image of format 2 says of itself, read from its objects: to open the image for that would cost a process or
 * a watch, and changing its metadata through the `rbd` command knows no conditions.
 */
import { CodedError } from '../../errors';
import { encodeMap, encodeText } from './rados/encoding';
import type { ClassCall, RadosObjects } from './rados/objects';

export interface ImageHeader {
  readonly sizeBytes: number;
  /** The bits of librbd.h: layering 1, exclusive-lock 4, object-map 8, … */
  readonly features: bigint;
  /** RFC 3339. Absent for images that were made before Ceph 13. */
  readonly createdAt?: string;
  /** What `rbd image-meta list` shows. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface MetadataChange {
  /** Key → the value that it must have now; undefined: it must not be there. */
  readonly expect?: ReadonlyMap<string, string | undefined>;
  readonly set?: ReadonlyMap<string, string>;
  readonly remove?: readonly string[];
}

/** The internal id of an image, by its name. Undefined: no such image. @throws CodedError POOL_NOT_FOUND, CEPH_*. */
export async function imageIdOf(objects: RadosObjects, imageName: string): Promise<string | undefined> {
  const object = `rbd_id.${imageName}`;
  const content = await objects.read(object);
  if (content === undefined) return undefined;
  const length = content.length < 4 ? 0 : content.readUInt32LE();
  // An image that is being made has the object before its content.
  if (content.length === 0) return undefined;
  if (length === 0 || content.length < 4 + length) throw unreadable(object);
  return content.toString('utf8', 4, 4 + length);
}

/** Undefined: no such image. @throws CodedError POOL_NOT_FOUND, CEPH_*. */
export async function readImageHeader(objects: RadosObjects, imageId: string): Promise<ImageHeader | undefined> {
  const object = headerOf(imageId);
  const entries = await objects.omap(object);
  if (entries === undefined) return undefined;
  const [size, features] = [entries.get('size'), entries.get('features')];
  if (size?.length !== 8 || features?.length !== 8) throw unreadable(object);
  return {
    sizeBytes: Number(size.readBigUInt64LE()),
    features: features.readBigUInt64LE(),
    ...createdAt(entries.get('create_timestamp')),
    metadata: new Map(
      [...entries].flatMap(([key, value]): [string, string][] =>
        key.startsWith(metadataPrefix) ? [[key.slice(metadataPrefix.length), value.toString('utf8')]] : [],
      ),
    ),
  };
}

/**
 * Changes the metadata of an image as a whole or not at all. False: an expectation does not hold, or there is no such image.
 * @throws CodedError POOL_NOT_FOUND, CEPH_*.
 */
export function changeMetadata(
  objects: RadosObjects,
  imageId: string,
  { expect = new Map(), set = new Map(), remove = [] }: MetadataChange,
): Promise<boolean> {
  const expected = [...expect].map(([key, value]) => [`${metadataPrefix}${key}`, value] as const);
  const execute = [...(set.size > 0 ? [setCall(set)] : []), ...remove.map(removeCall)];
  return objects.change(headerOf(imageId), { mustExist: true, expect: new Map(expected), execute });
}

const metadataPrefix = 'metadata_';

/** `utime_t`: seconds and nanoseconds, 32 bits each. Zero seconds are a time that nobody set. */
function createdAt(value: Buffer | undefined): { readonly createdAt?: string } {
  if (value?.length !== 8 || value.readUInt32LE() === 0) return {};
  return { createdAt: new Date(value.readUInt32LE() * 1000 + Math.floor(value.readUInt32LE(4) / 1e6)).toISOString() };
}

function headerOf(imageId: string): string {
  return `rbd_header.${imageId}`;
}

function setCall(entries: ReadonlyMap<string, string>): ClassCall {
  return { objectClass: 'rbd', method: 'metadata_set', input: encodeMap(entries) };
}

function removeCall(key: string): ClassCall {
  return { objectClass: 'rbd', method: 'metadata_remove', input: encodeText(key) };
}

function unreadable(object: string): CodedError {
  return new CodedError('CEPH_FAILED', `object ${object} is not what an RBD image of format 2 has`, {
    remedy: 'See with `rbd info` whether the image is whole.',
  });
}
