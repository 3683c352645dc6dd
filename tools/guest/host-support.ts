/** Decides how work that needs dm-crypt is done on this host, and prepares it. */
import { existsSync, statfsSync } from 'node:fs';
import { componentOf, type ToolName } from '../components';
import { remedy as installRemedy } from '../debian-install';
import { type EnsureOptions, ensureTools, findTool } from '../ensure';
import { exec } from '../exec';
import { findCommand } from '../find-command';
import { ptraceShim } from './boot-files';

export type HostSupport =
  /** This process is root and the host's own kernel has dm-crypt and loop devices. */
  | { readonly mode: 'native' }
  /** A User Mode Linux guest does it. */
  | { readonly mode: 'guest' }
  | { readonly mode: 'none'; readonly missing: readonly string[]; readonly remedy: string };

/** Commands that work with volumes needs wherever it runs. */
const VOLUME_TOOLS = ['cryptsetup', 'dmsetup', 'mkfs.ext4', 'mkfs.xfs'] as const satisfies readonly ToolName[];
/** What the guest needs beyond that. */
const GUEST_TOOLS = ['user-mode-linux', 'modprobe', 'ip'] as const satisfies readonly ToolName[];
const GUEST_MEMORY_BYTES = 1536 * 2 ** 20;

/** How kernel work can be done here, as things are: installs nothing. */
export async function hostSupport(): Promise<HostSupport> {
  const native = await hasNativeDmCrypt();
  const needed: readonly ToolName[] = native ? VOLUME_TOOLS : [...VOLUME_TOOLS, ...GUEST_TOOLS];
  const missing = needed.filter((name) => findTool(name) === undefined);
  if (missing.length > 0) return { mode: 'none', missing, remedy: installRemedy(packagesOf(missing)) };
  if (native) return { mode: 'native' };
  return guestObstacle() ?? { mode: 'guest' };
}

function packagesOf(names: readonly ToolName[]): readonly string[] {
  const components = names.map(componentOf);
  return components.flatMap((component) => (component.kind === 'debian' ? [component.package] : []));
}

/**
 * Installs what kernel work needs on this host, where this user may, and says how it will be done.
 * @throws ToolError INSTALL_NOT_ALLOWED, INSTALL_FAILED
 */
export async function prepareGuest(options: EnsureOptions = {}): Promise<HostSupport> {
  await ensureTools(VOLUME_TOOLS, options);
  if (!(await hasNativeDmCrypt())) {
    await ensureTools(GUEST_TOOLS, options);
    await ptraceShim();
  }
  return hostSupport();
}

async function hasNativeDmCrypt(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const modprobe = findCommand('modprobe');
  if (!existsSync('/dev/mapper/control') || !existsSync('/dev/loop-control')) {
    if (modprobe === undefined) return false;
    for (const module of ['dm-crypt', 'loop']) if ((await exec(modprobe, [module])).exitCode !== 0) return false;
  }
  const dmsetup = findCommand('dmsetup');
  if (dmsetup === undefined) return existsSync('/dev/mapper/control');
  const version = await exec(dmsetup, ['version']);
  // The device node alone proves nothing: in most containers it may not be opened.
  return version.exitCode === 0 && /Driver version/.test(version.stdout);
}

/** The guest's memory is a file in /dev/shm, which containers often keep at 64 MiB: it would die in the middle. */
function guestObstacle(): HostSupport | undefined {
  if (!existsSync('/dev/shm')) return undefined;
  const { bavail, bsize } = statfsSync('/dev/shm');
  if (bavail * bsize >= GUEST_MEMORY_BYTES) return undefined;
  const missing = [
    `/dev/shm with ${GUEST_MEMORY_BYTES / 2 ** 20} MiB free (it has ${Math.floor((bavail * bsize) / 2 ** 20)})`,
  ];
  return {
    mode: 'none',
    missing,
    remedy: 'Run: mount -o remount,size=2g /dev/shm (in a container: start it with --shm-size=2g)',
  };
}
