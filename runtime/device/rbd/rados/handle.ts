/** One client of a cluster as librados knows it: configured without any file or variable of the machine, then connected. */
import { CodedError } from '../../../errors';
import type { Secret } from '../../../secret';
import { errno, radosError } from './errno';
import type { Out, Pointer, RadosLibrary } from './functions';

/** As which user of which cluster; also what the `rbd` command needs. */
export interface ClusterAccess {
  readonly monitors: readonly string[];
  /** Without `client.` before it. */
  readonly userId: string;
  readonly userKey: Secret;
}

/** After these a call fails instead of waiting for a cluster that does not answer; whole seconds. */
export interface RadosTimeouts {
  /** Default 10,000. */
  readonly connectMs?: number;
  /** For a question to a monitor. Default 15,000. */
  readonly monitorMs?: number;
  /** For an operation on an object. Default 30,000. */
  readonly operationMs?: number;
}

/** A connected client, to be given back with `rados_shutdown`. @throws CodedError CEPH_UNREACHABLE, CEPH_DENIED, CEPH_FAILED. */
export async function openHandle(
  rados: RadosLibrary,
  access: ClusterAccess,
  timeouts: RadosTimeouts,
): Promise<Pointer> {
  const cluster = createHandle(rados, access.userId);
  try {
    for (const [option, value] of settings(access.monitors, timeouts)) configure(rados, cluster, option, value);
    configureKey(rados, cluster, access.userKey);
    const result = await rados.rados_connect(cluster);
    if (result < 0) throw connectError(access, result);
    return cluster;
  } catch (error) {
    await rados.rados_shutdown(cluster);
    throw error;
  }
}

function createHandle(rados: RadosLibrary, userId: string): Pointer {
  const made: Out<Pointer> = [null];
  const result = rados.rados_create2(made, 'ceph', `client.${userId}`, 0);
  if (result < 0 || made[0] === null) throw radosError(`make a client for the user ${userId}`, result);
  return made[0];
}

function settings(monitors: readonly string[], timeouts: RadosTimeouts): readonly (readonly [string, string])[] {
  const { connectMs = 10_000, monitorMs = 15_000, operationMs = 30_000 } = timeouts;
  return [
    ['mon_host', monitors.join(',')],
    ['client_mount_timeout', wholeSeconds(connectMs)],
    ['rados_mon_op_timeout', wholeSeconds(monitorMs)],
    ['rados_osd_op_timeout', wholeSeconds(operationMs)],
    // Errors are ours to report; librados writes to no file, no socket and no stream of this process.
    ['log_to_stderr', 'false'],
    ['err_to_stderr', 'false'],
    ['log_file', ''],
    ['admin_socket', ''],
    ['keyring', '/dev/null'],
    // Each connection has a dozen threads and a log in memory; for a few small operations less will do.
    ['ms_async_op_threads', '1'],
    ['log_max_recent', '1'],
  ];
}

function configure(rados: RadosLibrary, cluster: Pointer, option: string, value: string): void {
  const result = rados.rados_conf_set(cluster, option, Buffer.from(`${value}\0`, 'utf8'));
  if (result < 0) throw radosError(`set ${option} of librados`, result);
}

/** Not as a string, which the garbage collector would keep and copy. */
function configureKey(rados: RadosLibrary, cluster: Pointer, key: Secret): void {
  const terminated = Buffer.alloc(key.lengthBytes + 1);
  try {
    const length = key.use((bytes) => bytes.copy(terminated));
    // A Secret made from a file often ends with a line break.
    for (let end = length - 1; end >= 0 && (terminated[end] ?? 0) <= 0x20; end -= 1) terminated[end] = 0;
    const result = rados.rados_conf_set(cluster, 'key', terminated);
    if (result < 0) throw radosError('set the key of librados', result);
  } finally {
    terminated.fill(0);
  }
}

/** What cannot be decoded as a key, or is empty, is refused before the network sees it. */
const noKey: readonly number[] = [errno.EINVAL, errno.ENOENT];

function connectError({ monitors, userId }: ClusterAccess, result: number): CodedError {
  const action = `connect to the monitors ${monitors.join(', ')} as client.${userId}`;
  if (!noKey.includes(-result)) return radosError(action, result);
  return new CodedError('CEPH_DENIED', `cannot ${action}: its key is no cephx key`, {
    remedy: 'Put the key of the user, as `ceph auth get-key` prints it, in userKey of the Secret.',
  });
}

function wholeSeconds(milliseconds: number): string {
  return `${Math.max(1, Math.ceil(milliseconds / 1000))}`;
}
