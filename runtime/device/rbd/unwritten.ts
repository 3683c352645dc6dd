/** Whether an image was ever written to, by the storage's own books. */
import type { ImageState } from './image-state';

const objectMapFeature = 8n;
const objectMapInvalid = 1n;
/** The object map is a bit vector of 2 bits an object behind its length, a version, and the number of objects. */
const bitsOffset = 4 + 6 + 8;

/** What is read of an object at most, with room for the checksums. */
const longestBits = 60 * 1024;

/**
 * By the object map: each client writes there that an object exists before it writes the object. Undefined: there is none,
 * or one that is not to be trusted, or one of an image that is too large for a single read.
 */
export async function unwrittenByMap({ pool, id, header, lineage }: ImageState): Promise<boolean | undefined> {
  if ((header.features & objectMapFeature) === 0n || (lineage.flags & objectMapInvalid) !== 0n) return undefined;
  if (header.sizeBytes / lineage.objectBytes / 4 > longestBits) return undefined;
  const map = await pool.objects.read(`rbd_object_map.${id}`);
  if (map === undefined || map.length <= bitsOffset) return undefined;
  const objectCount = Number(map.readBigUInt64LE(bitsOffset - 8));
  const bits = map.subarray(bitsOffset, bitsOffset + Math.ceil(objectCount / 4));
  // A map of other length was not written for this size.
  if (objectCount < header.sizeBytes / lineage.objectBytes || bits.length < objectCount / 4) return undefined;
  return bits.every((byte) => byte === 0);
}
