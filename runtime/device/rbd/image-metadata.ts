/** What ceph-csi keeps at the image itself: how far encryption has come, the wrapped key, the size of the header. */

import type { MetadataChange } from './image-header';

/** ceph-csi's two states of an encrypted image; it refuses an image with none. */
export type EncryptionState = 'encryptionPrepared' | 'encrypted';

/** Metadata of an image as RBD has it: name → text. */
export type MetadataValues = ReadonlyMap<string, string>;

export interface ImageMetadata {
  readonly state?: EncryptionState;
  readonly wrappedDek?: string;
  /** Absent before ceph-csi 3.15. */
  readonly headerBytes?: number;
}

const prefix = 'rbd.csi.ceph.com/';
const names = { state: `${prefix}encrypted`, wrappedDek: `${prefix}dek`, headerBytes: `${prefix}luks2HeaderSize` };
/** Spelled with a dot in front before ceph-csi 3.0, which moves them when it meets them. */
const old = (name: string) => `.${name}`;

export function decodeMetadata(values: MetadataValues): ImageMetadata {
  const state = read(values, names.state)?.trim();
  const wrappedDek = read(values, names.wrappedDek);
  const headerBytes = read(values, names.headerBytes);
  return {
    ...((state === 'encryptionPrepared' || state === 'encrypted') && { state }),
    ...(wrappedDek !== undefined && { wrappedDek }),
    ...(headerBytes !== undefined && /^[1-9][0-9]{0,14}$/.test(headerBytes) && { headerBytes: Number(headerBytes) }),
  };
}

/** What the image is to say; a field that is missing stays as it is. */
export interface MetadataWish {
  readonly state?: EncryptionState;
  /** `null`: there is to be none. */
  readonly wrappedDek?: string | null;
  readonly headerBytes?: number;
  /** For people: names of the claim and the volume. */
  readonly labels?: MetadataValues;
}

/** A change that holds only where the image still says what it said. Undefined when it says all that already. */
export function changeOf(present: MetadataValues, wish: MetadataWish): MetadataChange | undefined {
  const wanted = new Map<string, string | null>(wish.labels ?? []);
  if (wish.state !== undefined) wanted.set(names.state, wish.state);
  if (wish.wrappedDek !== undefined) wanted.set(names.wrappedDek, wish.wrappedDek);
  if (wish.headerBytes !== undefined) wanted.set(names.headerBytes, String(wish.headerBytes));

  const set = new Map<string, string>();
  const remove: string[] = [];
  const expect = new Map<string, string | undefined>();
  for (const [name, value] of wanted) {
    const superseded = old(name);
    if (present.has(superseded)) remove.push(superseded);
    if (value !== null && present.get(name) !== value) set.set(name, value);
    if (value === null && present.has(name)) remove.push(name);
  }
  for (const name of [...set.keys(), ...remove]) expect.set(name, present.get(name));
  return expect.size === 0 ? undefined : { expect, set, remove };
}

function read(values: MetadataValues, name: string): string | undefined {
  return values.get(name) ?? values.get(old(name));
}
