/**
 * Ids of the loop back end: `loop-<12 hex of sha256(node id)>-<uuid>`. The node is in the id because images are
 * node-local: whoever gets the id knows whose it is. Ids come back from outside and become file names, so nothing but
 * this shape is ever let through.
 */
import { createHash, randomUUID } from 'node:crypto';

const shape = /^loop-([0-9a-f]{12})-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function nodeHash(nodeId: string): string {
  return createHash('sha256').update(nodeId).digest('hex').slice(0, 12);
}

export function newId(nodeId: string): string {
  return `loop-${nodeHash(nodeId)}-${randomUUID()}`;
}

/** The node part of an id; undefined for text that is no id of this back end. */
export function nodeHashOf(id: string): string | undefined {
  return shape.exec(id)?.[1];
}
