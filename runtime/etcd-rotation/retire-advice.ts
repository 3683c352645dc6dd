/** What may be done about the older versions of the key once everything is rewritten. Told, never done. */

export interface RetireAdvice {
  /** Version of the transit key under which everything is stored; undefined when only its hash is known. */
  readonly version?: number;
  /** Can be taken back. */
  readonly forbidOldVersions: string;
  /** Cannot be taken back. */
  readonly deleteOldVersions: string;
  readonly notes: readonly string[];
}

/** @param keyId as stored: `transit:<place>:v<version>…`, `vault:v<version>` (KMS v1) or a bare version */
export function retireAdvice(keyId: string | undefined): RetireAdvice {
  const [, place, ofPlace] = /^transit:(.+):v(\d+)(?::|$)/.exec(keyId ?? '') ?? [];
  const [, bare] = /^(?:vault:v)?(\d{1,9})$/.exec(keyId ?? '') ?? [];
  const version = ofPlace ?? bare;
  const path = keyPath(place);
  const shown = version ?? 'VERSION';
  return {
    ...(version !== undefined && { version: Number(version) }),
    forbidOldVersions: `bao write ${path}/config min_decryption_version=${shown}`,
    deleteOldVersions: `bao write ${path}/trim min_available_version=${shown}`,
    notes: [
      ...(version === undefined
        ? ['VERSION is the version of the key that the plugin uses now; see keyward kms-plugin doctor.']
        : []),
      'Backups and snapshots of etcd that were made before this rotation, and revisions that etcd has not compacted yet, need the older versions: keep them until the last such backup has expired.',
      'min_decryption_version can be lowered again; trim is for ever.',
      'See that no other cluster and no other user of the transit key still has data under the older versions.',
    ],
  };
}

/** A place that is too long is hashed in the key id; it then does not tell the path. */
function keyPath(place: string | undefined): string {
  const parts = place?.split('/') ?? [];
  const key = parts.pop();
  return key === undefined || parts.length === 0 || !/^[\w./-]+$/.test(place ?? '')
    ? 'MOUNT/keys/KEY'
    : `${parts.join('/')}/keys/${key}`;
}
