// How a construct refuses a prop: what it is called, what was given, what is allowed, what to change.

/** The parts of a refusal. */
export interface PropFault {
  /** The prop, led by its construct: `EncryptedStorageClass.fsType`. */
  readonly prop: string;
  /** What was given, in JSON where that helps. */
  readonly got: string;
  /** What would be right. */
  readonly allowed: string;
  /** What to change. */
  readonly remedy: string;
  /** The requirement or trap that forbids it, e.g. `trap 2`. */
  readonly rule?: string;
}

/** The error of a construct: plain, for the person who wrote the declaration. */
export function propError({ prop, got, allowed, remedy, rule }: PropFault): Error {
  return new Error(`${prop}: got ${got}; allowed: ${allowed}. ${remedy}.${rule === undefined ? '' : ` (${rule})`}`);
}
