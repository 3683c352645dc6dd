/** How a guest's processes are tied together on this host, so that none outlives the guest. */
import { exec } from '../exec';
import { findCommand } from '../find-command';

// Process 1 of the new namespace: as process 1 itself, the kernel could not abort after a panic and would hang.
const INNER = ['bash', '-c', '"$@"; exit $?', 'guest'];
const PID_NAMESPACE = ['--pid', '--fork', '--kill-child=KILL'];

/**
 * Arguments to put before the kernel's command: a pid namespace of its own where the host allows it, directly (root) or
 * through a user namespace. Elsewhere nothing: then only the process group ties them, which the supervisor kills.
 */
export async function isolationPrefix(): Promise<readonly string[]> {
  known ??= probe();
  return known;
}

let known: Promise<readonly string[]> | undefined;

async function probe(): Promise<readonly string[]> {
  const unshare = findCommand('unshare');
  if (unshare === undefined) return [];
  const candidates = [
    [unshare, ...PID_NAMESPACE],
    [unshare, '--user', '--map-current-user', ...PID_NAMESPACE],
  ];
  for (const [command = unshare, ...args] of candidates) {
    const { exitCode } = await exec(command, [...args, 'true']);
    if (exitCode === 0) return [command, ...args, ...INNER];
  }
  return [];
}
