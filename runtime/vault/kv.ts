/**
 * The port of Vault's two key/value engines. Keys are paths below the mount. What the engine holds is given and taken as
 * its data; the wrapping of each version's API stays behind the port.
 */

export interface KvEntry {
  readonly data: Readonly<Record<string, unknown>>;
  /** Tells one value of the entry from the next; {@link unversioned} where the engine has none. */
  readonly version: string;
}

/** The version of every entry of an engine that keeps none. */
export const unversioned = 'unversioned';

/** Each method throws VaultError, CodedError CONFIG_INVALID (no such engine there) and ABORTED. */
export interface KeyValue {
  /** Undefined when there is no entry, or only a deleted one. */
  read(key: string, signal?: AbortSignal): Promise<KvEntry | undefined>;
  /** @throws VaultError KMS_CONFLICT when there is an entry. */
  create(key: string, data: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<void>;
  /** @throws VaultError KMS_CONFLICT when the entry has another version, or is gone. */
  replace(key: string, data: Readonly<Record<string, unknown>>, version: string, signal?: AbortSignal): Promise<void>;
  /** `recoverable` keeps what the engine can keep. No error when there is no entry. */
  remove(key: string, mode: 'destroy' | 'recoverable', signal?: AbortSignal): Promise<void>;
}
