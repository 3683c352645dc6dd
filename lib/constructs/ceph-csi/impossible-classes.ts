// Combinations of KMS, file system and features that ceph-csi takes and that cannot work (trap 9), or that would be passed
// over in silence (trap 1).
import type { CephCsiParameters } from '../../schema/ceph-csi-parameters';
import { type KmsSettings, kmsFeatures } from '../../schema/kms';
import { unknownToCephCsi } from '../../schema/kms/ceph-csi-support';
import { type PropFault, propError } from '../prop-error';

/** What a class puts together. */
export interface ClassCombination {
  readonly parameters: CephCsiParameters;
  readonly settings: KmsSettings;
  readonly fsType?: string;
  readonly allowVolumeExpansion?: boolean;
  readonly keyRotation?: string;
  /** Leads the name of the prop in an error. */
  readonly subject: string;
}

/** Throws for the first combination that cannot work. */
export function refuseImpossible(combination: ClassCombination): void {
  for (const fault of faults(combination)) {
    throw propError({ ...fault, prop: `${combination.subject}.${fault.prop}` });
  }
}

function* faults({
  parameters,
  settings,
  fsType,
  allowVolumeExpansion,
  keyRotation,
}: ClassCombination): Generator<PropFault> {
  const { encryption, clusterId } = parameters;
  for (const [setting, remedy] of unknownToCephCsi(settings)) {
    yield {
      prop: 'kms',
      got: `${encryption.kmsId} with ${setting}`,
      allowed: 'what ceph-csi knows; it passes over the rest',
      remedy: `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`,
      rule: 'trap 9',
    };
  }
  if (fsType !== undefined && fsType !== 'ext4' && fsType !== 'xfs') {
    yield {
      prop: 'fsType',
      got: JSON.stringify(fsType),
      allowed: 'ext4, xfs',
      remedy: 'Choose a file system that ceph-csi makes; raw block volumes need none',
      rule: 'R18',
    };
  }
  if (settings.type === 'azure-kv' && !/^[A-Za-z0-9-]+$/.test(clusterId)) {
    yield {
      prop: 'clusterId',
      got: JSON.stringify(clusterId),
      allowed: 'letters, digits and dashes',
      remedy:
        'It becomes part of names in Key Vault, which take no others: name the cluster otherwise, or use another KMS',
      rule: 'trap 9',
    };
  }
  if (encryption.type === 'file') yield* faultsOfFiles(settings, fsType, keyRotation);
  else if (encryption.integrity !== undefined && allowVolumeExpansion === true) {
    yield {
      prop: 'allowVolumeExpansion',
      got: 'true, with luks.integrity',
      allowed: 'false: cryptsetup does not grow a volume with integrity',
      remedy: 'Leave it out, or leave out luks.integrity',
      rule: 'trap 9',
    };
  }
}

function* faultsOfFiles({ type }: KmsSettings, fsType?: string, keyRotation?: string): Generator<PropFault> {
  if (!kmsFeatures[type].cephCsiFileEncryption) {
    yield {
      prop: 'encryptionType',
      got: `"file", with a KMS of type ${type}`,
      allowed: Object.entries(kmsFeatures)
        .filter(([name, features]) => features.cephCsiFileEncryption && name !== 'default')
        .map(([name]) => name)
        .join(', '),
      remedy: 'Use "block", or a KMS that can',
      rule: 'trap 9',
    };
  }
  if (fsType === 'xfs') {
    yield {
      prop: 'fsType',
      got: '"xfs", with encryptionType "file"',
      allowed: 'ext4: xfs has no fscrypt',
      remedy: 'Use ext4, or encryptionType "block"',
      rule: 'trap 9',
    };
  }
  if (keyRotation !== undefined) {
    yield {
      prop: 'keyRotation',
      got: `${JSON.stringify(keyRotation)}, with encryptionType "file"`,
      allowed: 'nothing: ceph-csi rotates keys of block encryption only',
      remedy: 'Leave it out, or use encryptionType "block"',
      rule: 'R2, trap 9',
    };
  }
}
