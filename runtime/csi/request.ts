/** Checks and translations that several CSI calls share: required fields, capabilities, secrets, content sources. */
import { SchemaError } from '../../lib/schema/schema-error';
import type { AccessType, FsType } from '../device/record';
import { CodedError } from '../errors';
import { VolumeCapability_AccessMode_Mode as Mode, type VolumeCapability } from '../grpc/gen/csi_pb';
import { Secret } from '../secret';
import type { Call } from '../volume/context';

export interface Access {
  readonly accessType: AccessType;
  /** Absent when the request leaves the choice to the driver. */
  readonly fsType?: FsType;
  readonly mountFlags: readonly string[];
  readonly readOnly: boolean;
  /** At most one target path on this node. */
  readonly singleTarget: boolean;
}

export function invalid(message: string, remedy: string, cause?: unknown): CodedError {
  return new CodedError('REQUEST_INVALID', message, { remedy, cause });
}

/** @throws CodedError REQUEST_INVALID when the field is empty. */
export function required(value: string, field: string): string {
  if (value === '') throw invalid(`${field} is missing`, `Set ${field} in the request.`);
  return value;
}

/** @throws CodedError REQUEST_INVALID, FILESYSTEM_UNKNOWN. */
export function decodeAccess(capability: VolumeCapability | undefined): Access {
  if (!capability) throw invalid('volume_capability is missing', 'Set volume_capability in the request.');
  const mode = capability.accessMode?.mode ?? Mode.UNKNOWN;
  const problem = modeProblem(mode);
  if (problem !== undefined)
    throw invalid(problem, 'Use ReadWriteOnce or ReadWriteOncePod: a LUKS volume is open on one node at a time.');
  const readOnly = mode === Mode.SINGLE_NODE_READER_ONLY;
  const singleTarget = mode === Mode.SINGLE_NODE_SINGLE_WRITER;
  const { accessType } = capability;
  if (accessType.case === 'block') return { accessType: 'block', mountFlags: [], readOnly, singleTarget };
  if (accessType.case !== 'mount') {
    throw invalid('volume_capability names neither block nor mount', 'Set one of block and mount.');
  }
  const { fsType, mountFlags } = accessType.value;
  return {
    accessType: 'mount',
    ...(fsType !== '' && { fsType: requireFsType(fsType) }),
    mountFlags,
    readOnly,
    singleTarget,
  };
}

/** Undefined when this driver can serve the mode. */
function modeProblem(mode: Mode): string | undefined {
  switch (mode) {
    case Mode.SINGLE_NODE_WRITER:
    case Mode.SINGLE_NODE_READER_ONLY:
    case Mode.SINGLE_NODE_SINGLE_WRITER:
    case Mode.SINGLE_NODE_MULTI_WRITER:
      return undefined;
    case Mode.UNKNOWN:
      return 'the access mode is missing';
    default:
      return `the access mode ${Mode[mode] ?? mode} lets several nodes use the volume at once, which this back end cannot`;
  }
}

/** One access for all capabilities of a CreateVolume. @throws CodedError REQUEST_INVALID. */
export function decodeAccesses(capabilities: readonly VolumeCapability[]): Access {
  const [first, ...others] = capabilities.map(decodeAccess);
  if (!first) throw invalid('volume_capabilities is empty', 'Name at least one capability.');
  const fsTypes = new Set([first, ...others].map((each) => each.fsType).filter((each) => each !== undefined));
  if (others.some((each) => each.accessType !== first.accessType) || fsTypes.size > 1) {
    throw invalid('volume_capabilities contradict one another', 'A volume is either block or one filesystem.');
  }
  const [fsType] = fsTypes;
  return { ...first, ...(fsType !== undefined && { fsType }) };
}

function requireFsType(text: string): FsType {
  if (text === 'ext4' || text === 'xfs') return text;
  throw new CodedError('FILESYSTEM_UNKNOWN', `the filesystem ${JSON.stringify(text.slice(0, 40))} is not known`, {
    remedy: 'Use ext4 or xfs in csi.storage.k8s.io/fstype.',
  });
}

/** Lends the secrets of a request to one operation and zeroes them at its end. */
export async function withCall<T>(
  secrets: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
  action: (call: Call) => Promise<T>,
): Promise<T> {
  const held = new Map(Object.entries(secrets).map(([name, value]) => [name, Secret.fromText(value)]));
  try {
    return await action({ secrets: held, ...(signal && { signal }) });
  } finally {
    for (const secret of held.values()) secret.zero();
  }
}

/** An error of the schema becomes one that names the field. @throws CodedError REQUEST_INVALID. */
export function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    // What to do about each fault is in the message.
    throw invalid(error.message, 'Mend the parameters of the StorageClass.', error);
  }
}

/** Byte counts of the wire are 64 bit; a volume of more than 8 PiB is refused. @throws CodedError REQUEST_INVALID. */
export function bytes(value: bigint | undefined, field: string): number {
  const count = Number(value ?? 0n);
  if (count < 0 || !Number.isSafeInteger(count))
    throw invalid(`${field} is ${value}, which is not a possible size`, `Give ${field} in bytes.`);
  return count;
}
