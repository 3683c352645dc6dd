/**
 * The objects of one RADOS pool (and namespace), as the journal and the records need them. What changes an object is one
 * operation that the OSD carries out as a whole or not at all, with conditions: no lock is needed for compare-and-set.
 */

/** A method of an object class, which the OSD runs on the object. */
export interface ClassCall {
  readonly objectClass: string;
  readonly method: string;
  readonly input: Uint8Array;
}

export interface OmapChange {
  /** The object must not exist. Without it, an object that is missing is made. */
  readonly createExclusively?: boolean;
  /** The object must exist. */
  readonly mustExist?: boolean;
  /** Key → the value that it must have now; undefined: it must not be there. To an OSD an empty value is like none. */
  readonly expect?: ReadonlyMap<string, string | undefined>;
  readonly set?: ReadonlyMap<string, string>;
  readonly remove?: readonly string[];
  /** In the same operation, after all else. */
  readonly execute?: readonly ClassCall[];
}

export interface RadosObjects {
  /** All of a small object (at most 64 KiB). Undefined: there is no such object. */
  read(object: string): Promise<Buffer | undefined>;
  /** All keys that begin with `prefix`, however many. Undefined: there is no such object. */
  omap(object: string, prefix?: string): Promise<ReadonlyMap<string, Buffer> | undefined>;
  /** Carries the change out. False: a condition does not hold, and nothing was changed. */
  change(object: string, change: OmapChange): Promise<boolean>;
  /** No error when it is gone. */
  remove(object: string): Promise<void>;
  /**
   * Takes an exclusive advisory lock, or renews it when the same cookie of this client holds it. It ends by itself after
   * `durationMs`, so a holder that died blocks nobody for longer. False: somebody else holds it.
   */
  lock(object: string, name: string, cookie: string, durationMs: number): Promise<boolean>;
  /** False: this cookie of this client does not hold the lock any more, whether somebody else does or nobody. */
  renew(object: string, name: string, cookie: string, durationMs: number): Promise<boolean>;
  /** No error when it is not held. */
  unlock(object: string, name: string, cookie: string): Promise<void>;
}
