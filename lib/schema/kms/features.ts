// What each KMS type can really do (R17, R18): for the rules, `keyward kms list` and docs/kms.md. A type that is known by
// name and has no row here does not compile.
import type { KmsTypeName } from './definition';
import type { DeletionPolicy } from './deletion-policy';

/** What one KMS type can do. */
export interface KmsFeatures {
  /** Where a volume's key is: at the KMS, wrapped in the volume's metadata, or nowhere of its own (one for all). */
  readonly keeps: 'kms' | 'metadata' | 'none';
  /** Whether a volume's own key can be replaced (R2). Not where all volumes share one. */
  readonly rotatesVolumeKey: boolean;
  /**
   * What becomes of the key that wraps. `rewrap`: keyward makes a new version and wraps again; `at-kms`: the KMS rotates it
   * by itself, and what it wrapped before stays readable; `none`: it is one key for good, or there is none.
   */
  readonly rotatesKek: 'rewrap' | 'at-kms' | 'none';
  /** Who decides between two writers: the KMS, the volume's metadata, or only this process, which then reads back. */
  readonly compareAndSet: 'kms' | 'metadata' | 'process';
  /** Whether a key tells for which volume it is, so that a copy does not serve another one. */
  readonly bindsVolume: boolean;
  /** Whose right counts at the KMS: the driver's alone, a Secret of the tenant, or an identity of the tenant. */
  readonly tenantScope: 'driver' | 'tenant-secret' | 'tenant-identity';
  /** Whether the KMS can list the keys that it keeps, so that orphans can be found. */
  readonly lists: boolean;
  /** Which deletion policies it can keep. Where the metadata keeps the key, it is gone with the volume. */
  readonly deletion: readonly DeletionPolicy[];
  /** Whether ceph-csi offers it for file encryption (`encryptionType: file`), which keyward does not offer. */
  readonly cephCsiFileEncryption: boolean;
  /** What to know before choosing it. */
  readonly note: string;
}

const kv = {
  keeps: 'kms',
  rotatesVolumeKey: true,
  rotatesKek: 'none',
  compareAndSet: 'kms',
  bindsVolume: true,
  lists: true,
  deletion: ['destroy', 'recoverable', 'keep'],
  cephCsiFileEncryption: true,
} as const;

const wrapped = {
  keeps: 'metadata',
  rotatesVolumeKey: true,
  compareAndSet: 'metadata',
  lists: false,
  deletion: ['destroy'],
  cephCsiFileEncryption: false,
} as const;

const kvNote = 'KV version 1 has no compare-and-set and destroys at once.';

/** The table. */
export const kmsFeatures = {
  default: {
    keeps: 'none',
    rotatesVolumeKey: false,
    rotatesKek: 'none',
    compareAndSet: 'process',
    bindsVolume: false,
    tenantScope: 'driver',
    lists: false,
    deletion: [],
    cephCsiFileEncryption: true,
    note: 'One passphrase for all volumes. keyward refuses it.',
  },
  metadata: {
    ...wrapped,
    rotatesKek: 'none',
    bindsVolume: true,
    tenantScope: 'tenant-secret',
    cephCsiFileEncryption: true,
    note: 'Who may read the Secret can open every volume whose metadata they can read. To change the passphrase, rotate every key.',
  },
  vault: { ...kv, tenantScope: 'driver', note: kvNote },
  vaulttokens: { ...kv, tenantScope: 'tenant-identity', note: `${kvNote} Each tenant has a token of its own.` },
  vaulttenantsa: {
    ...kv,
    tenantScope: 'tenant-identity',
    note: `${kvNote} Each tenant has a ServiceAccount of its own.`,
  },
  'aws-metadata': {
    ...wrapped,
    rotatesKek: 'at-kms',
    bindsVolume: false,
    tenantScope: 'driver',
    note: 'ceph-csi gives no encryption context: a wrapped key that is copied unwraps for another volume.',
  },
  'aws-sts-metadata': {
    ...wrapped,
    rotatesKek: 'at-kms',
    bindsVolume: false,
    tenantScope: 'tenant-secret',
    note: 'As aws-metadata, with a role that the Secret of the tenant names; the driver assumes all roles with its own token, so the trust policies of the roles do not tell tenants apart.',
  },
  'azure-kv': {
    keeps: 'kms',
    rotatesVolumeKey: true,
    rotatesKek: 'none',
    compareAndSet: 'process',
    bindsVolume: true,
    tenantScope: 'driver',
    lists: true,
    deletion: ['recoverable'],
    cephCsiFileEncryption: true,
    note: 'Volume ids of letters, digits and dashes only, 127 at most. Soft delete keeps a key for 7 to 90 days.',
  },
  ibmkeyprotect: {
    ...wrapped,
    rotatesKek: 'at-kms',
    bindsVolume: true,
    tenantScope: 'driver',
    note: 'ceph-csi itself cannot wrap a passphrase with "-" or "_" in it, which most of its own have.',
  },
  kmip: {
    ...wrapped,
    rotatesKek: 'none',
    bindsVolume: false,
    tenantScope: 'driver',
    note: 'AES-CBC without integrity at the server: keyward tells garbage by its not being text. A connection for each call.',
  },
  vaulttransit: {
    ...wrapped,
    rotatesKek: 'rewrap',
    bindsVolume: true,
    tenantScope: 'driver',
    note: "keyward's own; ceph-csi does not know it.",
  },
} as const satisfies Record<KmsTypeName, KmsFeatures>;

/** Columns of the table as people read it, in order. */
export const kmsFeatureColumns = [
  ['type', (type: KmsTypeName) => type],
  ['key kept by', (type) => kmsFeatures[type].keeps],
  ['rotates volume key', (type) => yesNo(kmsFeatures[type].rotatesVolumeKey)],
  ['rotates KEK', (type) => kmsFeatures[type].rotatesKek],
  ['compare-and-set', (type) => kmsFeatures[type].compareAndSet],
  ['bound to volume', (type) => yesNo(kmsFeatures[type].bindsVolume)],
  ['whose right', (type) => kmsFeatures[type].tenantScope],
  ['lists keys', (type) => yesNo(kmsFeatures[type].lists)],
  ['deletion', (type) => kmsFeatures[type].deletion.join(', ') || 'none'],
  ['ceph-csi files', (type) => yesNo(kmsFeatures[type].cephCsiFileEncryption)],
] as const satisfies readonly (readonly [string, (type: KmsTypeName) => string])[];

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
