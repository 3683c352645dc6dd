/** What a user has said yes to, each by the address of one object. */

export interface Consents {
  /** Take over what exists and is not ours. */
  readonly adopt: ReadonlySet<string>;
  /** Remove although data is lost with it. */
  readonly deleteData: ReadonlySet<string>;
  /** Let older versions of a transit key decrypt no more (trap 14). */
  readonly raiseMinDecryption: ReadonlySet<string>;
}

/** Addresses as people write them: with a slash at either end, or as in a URL. */
export function addressSet(paths: readonly string[]): ReadonlySet<string> {
  return new Set(paths.map((path) => path.replace(/^\/?(v1\/)?/, '').replace(/\/+$/, '')));
}
