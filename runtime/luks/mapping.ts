/**
 * Open dm-crypt mappings as the kernel tells of them in /sys: no process, and no trust in the names under /dev/mapper,
 * which nobody renews where there is no udev.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SharedLook } from '../async/shared-look';
import { attribute } from '../device/attribute';
import { CodedError, isErrno } from '../errors';
import type { Run } from '../process/run';

export interface Mapping {
  readonly name: string;
  /** /dev/mapper/`name`. */
  readonly device: string;
  /** major:minor, as in /proc/self/mountinfo. */
  readonly deviceNumber: string;
  /** major:minor of the device that holds the encrypted bytes. Undefined when there is none, or more than one. */
  readonly backingDevice?: string;
  /** The mapping below this one, while the data is re-encrypted (luks/layer.ts). */
  readonly lower?: string;
  /** From the mapping's own UUID; undefined when the mapping is not LUKS2. */
  readonly luksUuid?: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly suspended: boolean;
}

const prefix = 'keyward-';
const cephCsiPrefix = 'luks-rbd-';
/** How ceph-csi recognises an id of its own making; ids of the loop back end begin with a word that is no hex number. */
const cephCsiId = /^[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-/;
const longestName = 127;

/**
 * A volume with an id of ceph-csi gets the name that ceph-csi gives it: whichever of the two drivers opened it, the other
 * finds it open and can close it.
 * @throws CodedError REQUEST_INVALID when the id cannot be part of a device-mapper name.
 */
export function mappingName(volumeId: string): string {
  const name = mappingNameIfAny(volumeId);
  if (name !== undefined) return name;
  const start = prefixOf(volumeId);
  throw new CodedError('REQUEST_INVALID', 'the volume id cannot name a mapping', {
    remedy: `Use an id of at most ${longestName - start.length} letters, digits, "-", "_" and ".".`,
  });
}

/** Undefined for an id that cannot name a mapping: such a volume was never open. */
export function mappingNameIfAny(volumeId: string): string | undefined {
  const name = `${prefixOf(volumeId)}${volumeId}`;
  return name.length <= longestName && /^[-_.A-Za-z0-9]+$/.test(name) ? name : undefined;
}

function prefixOf(volumeId: string): string {
  return cephCsiId.test(volumeId) ? cephCsiPrefix : prefix;
}

/** The path of a mapping's device, open or not. */
export function mappingDevice(name: string): string {
  return `/dev/mapper/${name}`;
}

/** Undefined when no mapping of that name is open. @param sysfs Another root, for tests. */
export async function findMapping(name: string, sysfs = '/sys'): Promise<Mapping | undefined> {
  const found = (await namedFolders(sysfs)).find((each) => each.name === name);
  return found && describe(name, found.folder);
}

/** All open mappings with names from {@link mappingName}; among them are those that ceph-csi opened on this node. */
export async function listMappings(sysfs = '/sys'): Promise<readonly Mapping[]> {
  const mappings: Mapping[] = [];
  for (const { name, folder } of await namedFolders(sysfs)) {
    if (!isOurs(name)) continue;
    const mapping = await describe(name, folder);
    // What cryptsetup puts under a mapping with integrity protection has a UUID of another kind.
    if (mapping?.luksUuid !== undefined) mappings.push(mapping);
  }
  return mappings;
}

/** What may be under a mapping while its data is re-encrypted, one or the other. Neither begins like a name of {@link mappingName}. */
export function lowerNames(name: string): readonly [string, string] {
  return [`rekey0.${name}`, `rekey1.${name}`];
}

/** Under a mapping with integrity protection cryptsetup puts another one, of this name. */
export function lowerHalf(name: string): string {
  return `${name}_dif`;
}

/**
 * What a cryptsetup that was killed while it formatted with integrity protection has left open over a device, the upper
 * mapping before the lower: nobody uses it, and it keeps the device busy.
 * @param luksUuid the one of that format.
 */
export async function listAbandoned(luksUuid: string, sysfs = '/sys'): Promise<readonly string[]> {
  const hex = luksUuid.replaceAll('-', '').toLowerCase();
  const found: string[] = [];
  for (const folder of await mappingFolders(sysfs)) {
    const uuid = await attribute(join(folder, 'dm/uuid'));
    const name = /^CRYPT-(?:LUKS2|INTEGRITY)-([0-9a-f]{32})-(temporary-cryptsetup-.+)$/.exec(uuid ?? '');
    if (name?.[1] === hex && name[2] !== undefined) found.push(name[2]);
  }
  return found.sort((one, other) => one.length - other.length);
}

function isOurs(name: string): boolean {
  if (name.startsWith(cephCsiPrefix)) return cephCsiId.test(name.slice(cephCsiPrefix.length));
  return name.startsWith(prefix);
}

interface NamedFolder {
  readonly name: string;
  /** Of the mapping, in /sys. */
  readonly folder: string;
}

const looks = new Map<string, SharedLook<readonly NamedFolder[]>>();

/** Every mapping of the node: fifty volumes at once would else read fifty names fifty times, for each of their steps. */
function namedFolders(sysfs: string): Promise<readonly NamedFolder[]> {
  const look = looks.get(sysfs) ?? new SharedLook(() => readNames(sysfs));
  looks.set(sysfs, look);
  return look.now();
}

async function readNames(sysfs: string): Promise<readonly NamedFolder[]> {
  const folders = await mappingFolders(sysfs);
  const named = folders.map(async (folder) => ({ folder, name: await attribute(join(folder, 'dm/name')) }));
  return (await Promise.all(named)).flatMap(({ folder, name }) => (name === undefined ? [] : [{ folder, name }]));
}

async function mappingFolders(sysfs: string): Promise<string[]> {
  const block = join(sysfs, 'block');
  return (await list(block)).filter((entry) => entry.startsWith('dm-')).map((entry) => join(block, entry));
}

/** Undefined when the mapping is closed while it is being looked at. */
async function describe(name: string, folder: string): Promise<Mapping | undefined> {
  const [uuid = '', deviceNumber, size, readOnly, suspended] = await Promise.all(
    ['dm/uuid', 'dev', 'size', 'ro', 'dm/suspended'].map((it) => attribute(join(folder, it))),
  );
  if (deviceNumber === undefined || size === undefined) return undefined;
  const backingDevice = await backing(name, folder);
  const lower = await lowerOf(name, folder);
  const hex = /^CRYPT-LUKS2-([0-9a-f]{32})-/.exec(uuid)?.[1];
  return {
    name,
    device: mappingDevice(name),
    deviceNumber,
    ...(backingDevice !== undefined && { backingDevice }),
    ...(lower !== undefined && { lower }),
    ...(hex !== undefined && { luksUuid: hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') }),
    sizeBytes: Number(size) * 512,
    readOnly: readOnly === '1',
    suspended: suspended === '1',
  };
}

async function backing(name: string, folder: string): Promise<string | undefined> {
  const slaves = await list(join(folder, 'slaves'));
  const [slave] = slaves;
  if (slave === undefined || slaves.length > 1) return undefined;
  const path = join(folder, 'slaves', slave);
  const below = await attribute(join(path, 'dm/name'));
  if (below !== undefined && [lowerHalf(name), ...lowerNames(name)].includes(below)) return backing(below, path);
  return attribute(join(path, 'dev'));
}

async function lowerOf(name: string, folder: string): Promise<string | undefined> {
  for (const slave of await list(join(folder, 'slaves'))) {
    const below = await attribute(join(folder, 'slaves', slave, 'dm/name'));
    if (below !== undefined && lowerNames(name).includes(below)) return below;
  }
  return undefined;
}

/** Whether a discard of the mapping reaches the device under it. @param sysfs Another root, for tests. */
export async function passesDiscards({ deviceNumber }: Mapping, sysfs = '/sys'): Promise<boolean> {
  const largest = await attribute(join(sysfs, 'dev/block', deviceNumber, 'queue/discard_max_bytes'));
  return largest !== undefined && largest !== '0';
}

/**
 * Holds back all writes, after the file system on the mapping has come to rest: what is on the backing device is then
 * consistent. Whoever suspends resumes, and after a crash looks at {@link Mapping.suspended} first.
 */
export async function suspendMapping(run: Run, name: string, signal?: AbortSignal): Promise<void> {
  await run('dmsetup', ['suspend', name], signal ? { signal } : {});
}

/**
 * No error when the mapping is not suspended.
 * @throws CodedError VOLUME_BUSY when it waits for a piece of a re-encryption: what is below it may not fit the header.
 */
export async function resumeMapping(run: Run, name: string): Promise<void> {
  const mapping = await findMapping(name);
  if (mapping?.suspended && mapping.lower !== undefined) {
    throw new CodedError('VOLUME_BUSY', `${mapping.device} waits for its re-encryption, which was interrupted`, {
      remedy: 'Go on with keyward rotate VOLUME --volume-key: it needs the key of the volume.',
    });
  }
  await run('dmsetup', ['resume', name]);
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
