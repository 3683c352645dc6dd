/**
 * Volume and snapshot ids of an RBD image, byte for byte those of ceph-csi:
 * `<version>-<length of cluster id>-<cluster id>-<pool id>-<uuid>`, numbers in hexadecimal.
 *
 * Each image has one spelling: what would decode to the same parts in another spelling (capitals) is refused, because locks
 * and keys in the KMS go by the text.
 */
import { CodedError } from '../../errors';

export interface IdParts {
  readonly clusterId: string;
  /** The number of the pool that holds the image. */
  readonly poolId: number;
  readonly uuid: string;
}

/** Names that the driver may put in paths and object names: no dots, no separators. 64 characters leave an id of 128. */
const clusterIdPattern = /^[A-Za-z0-9_-]{1,64}$/;
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const shape = /^0001-([0-9a-f]{4})-(.+)-([0-9a-f]{16})-([0-9a-f-]{36})$/;

/** Undefined for any text that is not an id of this form, with `..`, `/` or `\` in it for example. */
export function decodeId(text: string): IdParts | undefined {
  const [, length = '', clusterId = '', pool = '', uuid = ''] = shape.exec(text) ?? [];
  const poolId = decodePoolId(pool);
  if (!clusterIdPattern.test(clusterId) || Number.parseInt(length, 16) !== clusterId.length) return undefined;
  if (poolId === undefined || !uuidPattern.test(uuid)) return undefined;
  return { clusterId, poolId, uuid };
}

/** @throws CodedError REQUEST_INVALID for a cluster id that no volume id can carry. */
export function encodeId({ clusterId, poolId, uuid }: IdParts): string {
  const text = `0001-${hex(clusterId.length, 4)}-${clusterId}-${encodePoolId(poolId)}-${uuid}`;
  if (decodeId(text)) return text;
  throw new CodedError('REQUEST_INVALID', `clusterID ${JSON.stringify(clusterId)} cannot be part of a volume id`, {
    remedy: 'Give the cluster an id of at most 64 letters, digits, dashes and underscores.',
  });
}

/** As ids and the journal write the number of a pool: 16 hexadecimal digits. */
export function encodePoolId(poolId: number): string {
  return hex(poolId, 16);
}

/** Undefined for what is not 16 hexadecimal digits, or a number that JavaScript cannot hold. */
export function decodePoolId(text: string): number | undefined {
  if (!/^[0-9a-f]{16}$/.test(text)) return undefined;
  const poolId = Number.parseInt(text, 16);
  return Number.isSafeInteger(poolId) ? poolId : undefined;
}

/** Whether the text is a UUID as ids and the journal write it. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
