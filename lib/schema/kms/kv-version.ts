// The version of a KV engine is declared on its mount, once. Everybody spells it otherwise (trap 7): ceph-csi `kv` and `kv-v2`,
// Rook `v1` and `v2`.

/** A KV engine as the state of the Vault declares it. */
export interface VersionedKv {
  /** Version of the engine, as it is on its mount. */
  readonly version: 1 | 2;
}

/** What `backend` of the Vault types of ceph-csi and keyward says of the engine. */
export function cephCsiBackend({ version }: VersionedKv): 'kv' | 'kv-v2' {
  return version === 2 ? 'kv-v2' : 'kv';
}
