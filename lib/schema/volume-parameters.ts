// StorageClass parameters as CreateVolume receives them: text, in ceph-csi's spelling.
// `csi.storage.k8s.io/*` keys stay with the sidecars, except the claim's identity that --extra-create-metadata adds.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from './decode';
import { goBoolean } from './go-values';
import { defaultArgon2id, defaultLuks, type LuksParameters, luksSettings, luksWire } from './luks-parameters';
import { objectName } from './names';
import type { IssueParams } from './zod-issues';

export type { LuksParameters } from './luks-parameters';

/** What a volume is to be. */
export interface VolumeParameters {
  /** keyward makes encrypted volumes only. */
  readonly encrypted: true;
  /** Which KMS holds the key of the volume: an id of the KMS configuration. */
  readonly kmsId: string;
  /** How the volume is encrypted. */
  readonly luks: LuksParameters;
  /** Arguments for mkfs, separated by blanks; they replace the default ones. */
  readonly mkfsOptions?: string;
  /** The tenant: the namespace of the claim. */
  readonly owner?: string;
  /** Name of the claim, for people. */
  readonly pvcName?: string;
  /** Name of the volume, for people. */
  readonly pvName?: string;
  /** Name of the StorageClass: a driver is not told it otherwise, and keys are rotated and watched by class. */
  readonly className?: string;
}

/** What a StorageClass says of a volume; the sidecar adds the claim. */
export type VolumeProps = Pick<VolumeParameters, 'kmsId' | 'mkfsOptions'> & { readonly luks?: Partial<LuksParameters> };

const ownKmsOnly = z
  .string()
  .refine((id) => id !== '' && id !== 'default', {
    error: 'is the shared default KMS, one passphrase for all volumes, which key rotation would destroy',
    params: { remedy: 'name a KMS of the configuration' } satisfies IssueParams,
  })
  .describe('id of the KMS that holds the keys; empty would mean one shared passphrase');

const alwaysTrue = {
  error: 'is not true, and keyward makes encrypted volumes only',
  params: { remedy: 'write encrypted: "true"; plain volumes belong to another driver' } satisfies IssueParams,
};

const settings = z.strictObject({
  encrypted: z.literal(true),
  kmsId: ownKmsOnly,
  luks: luksSettings,
  mkfsOptions: z.string().exactOptional(),
  owner: z.string().exactOptional(),
  pvcName: z.string().exactOptional(),
  pvName: z.string().exactOptional(),
  className: objectName.exactOptional(),
});

const wire = z.strictObject({
  encrypted: goBoolean
    .refine((encrypted) => encrypted, alwaysTrue)
    .describe('write encrypted: "true"; keyward makes encrypted volumes only'),
  encryptionType: z
    .string()
    .refine((type) => type === 'block', {
      error: 'is not "block"',
      params: {
        allowed: ['block'],
        remedy: 'write "block" or remove the key; file encryption is not offered',
      } satisfies IssueParams,
    })
    .exactOptional(),
  encryptionKMSID: ownKmsOnly,
  ...luksWire,
  mkfsOptions: z.string().exactOptional(),
  storageClassName: objectName.describe('name of the class itself, for rotation by class').exactOptional(),
  'csi.storage.k8s.io/pvc/namespace': z.string().exactOptional(),
  'csi.storage.k8s.io/pvc/name': z.string().exactOptional(),
  'csi.storage.k8s.io/pv/name': z.string().exactOptional(),
});

const volumeParameters = z.codec(wire, settings, {
  decode: (it) => ({
    encrypted: true as const,
    kmsId: it.encryptionKMSID,
    luks: withLuksDefaults({
      cipher: it.encryptionCipher,
      keySizeBits: it.encryptionKeySize,
      sectorSizeBytes: it.encryptionSectorSize,
      integrity: it.integrityMode,
      pbkdf: it.encryptionPbkdf,
      pbkdfIterations: it.encryptionPbkdfIterations,
      pbkdfMemoryKiB: it.encryptionPbkdfMemoryKiB,
      discards: it.encryptionDiscards,
      noReadWorkqueue: it.encryptionNoReadWorkqueue,
      noWriteWorkqueue: it.encryptionNoWriteWorkqueue,
    }),
    ...defined({
      mkfsOptions: it.mkfsOptions,
      owner: it['csi.storage.k8s.io/pvc/namespace'],
      pvcName: it['csi.storage.k8s.io/pvc/name'],
      pvName: it['csi.storage.k8s.io/pv/name'],
      className: it.storageClassName,
    }),
  }),
  encode: ({ encrypted, kmsId, luks, mkfsOptions, owner, pvcName, pvName, className }) => ({
    encrypted,
    encryptionType: 'block' as const,
    encryptionKMSID: kmsId,
    encryptionCipher: luks.cipher,
    encryptionKeySize: luks.keySizeBits,
    encryptionSectorSize: luks.sectorSizeBytes,
    encryptionPbkdf: luks.pbkdf,
    ...defined({
      integrityMode: luks.integrity,
      encryptionPbkdfIterations: luks.pbkdfIterations,
      encryptionPbkdfMemoryKiB: luks.pbkdfMemoryKiB,
      encryptionDiscards: luks.discards,
      encryptionNoReadWorkqueue: luks.noReadWorkqueue,
      encryptionNoWriteWorkqueue: luks.noWriteWorkqueue,
      mkfsOptions,
      storageClassName: className,
      'csi.storage.k8s.io/pvc/namespace': owner,
      'csi.storage.k8s.io/pvc/name': pvcName,
      'csi.storage.k8s.io/pv/name': pvName,
    }),
  }),
});

/** Reads the parameters of a CreateVolume request. */
export function decodeVolumeParameters(parameters: Readonly<Record<string, string>>): VolumeParameters {
  return decodeWith(volumeParameters, parameters, 'the StorageClass parameters');
}

/** Writes the parameters of a StorageClass or of a request. */
export function encodeVolumeParameters(parameters: VolumeParameters): Readonly<Record<string, string>> {
  return encodeWith(volumeParameters, parameters, 'the volume parameters') as Readonly<Record<string, string>>;
}

/** Fills the defaults of a declared class and checks it. */
export function settleVolume({ luks, ...rest }: VolumeProps, subject: string): VolumeParameters {
  return decodeWith(settings, { encrypted: true, ...defined(rest), luks: withLuksDefaults(luks ?? {}) }, subject);
}

type Unset<T> = { readonly [K in keyof T]?: T[K] | undefined };

function withLuksDefaults(luks: Unset<LuksParameters>): LuksParameters {
  return { ...defaultLuks, ...(luks.pbkdf === 'argon2id' ? defaultArgon2id : {}), ...defined(luks) } as LuksParameters;
}
