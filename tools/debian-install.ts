/** Installs packages of the distribution where this process may, and says precisely what to type where it may not. */
import { exec } from './exec';
import { findCommand } from './find-command';
import { ToolError } from './tool-error';

/**
 * Installs `packages` with apt-get: as root, or through a sudo that asks for no password.
 * @throws ToolError INSTALL_NOT_ALLOWED, INSTALL_FAILED
 */
export async function installDebian(packages: readonly string[], onLine: (line: string) => void): Promise<void> {
  const aptGet = findCommand('apt-get');
  if (aptGet === undefined) throw notAllowed(packages, 'this system has no apt-get');
  const prefix = await privilege();
  if (prefix === undefined) throw notAllowed(packages, 'this needs root, and sudo asks for a password');
  const update = await runPrivileged(prefix, [aptGet, 'update'], onLine);
  const install = [aptGet, 'install', '-y', '--no-install-recommends', ...packages];
  const result = await runPrivileged(prefix, install, onLine);
  if (result.exitCode === 0) return;
  const tail = [update, result].map(({ output }) => output.split('\n').slice(-8).join('\n')).join('\n');
  throw new ToolError(
    'INSTALL_FAILED',
    `apt-get could not install ${packages.join(' ')}:\n${tail}\n${remedy(packages)}`,
  );
}

/** The command that a person would type; also the remedy in messages. */
export function remedy(packages: readonly string[]): string {
  return `Run: sudo apt-get update && sudo apt-get install --no-install-recommends ${packages.join(' ')}`;
}

function notAllowed(packages: readonly string[], reason: string): ToolError {
  return new ToolError(
    'INSTALL_NOT_ALLOWED',
    `Missing packages: ${packages.join(' ')}; ${reason}. ${remedy(packages)}`,
  );
}

/** What to put before a command to run it as root: nothing for root itself; undefined when it cannot be. */
async function privilege(): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const sudo = findCommand('sudo');
  if (sudo === undefined) return undefined;
  const asked = await exec(sudo, ['-n', 'true']);
  return asked.exitCode === 0 ? [sudo, '-n'] : undefined;
}

function runPrivileged(prefix: readonly string[], command: readonly string[], onLine: (line: string) => void) {
  // `env` and not our own environment: sudo passes on none of it.
  const [file = 'env', ...args] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', ...command];
  return exec(file, args, { onLine });
}
