/**
 * Packages of Debian with all that they need, downloaded by apt for an empty root: what this machine has installed plays no
 * part, its package lists are left alone, and no right is needed. apt checks signatures against Debian's keyring.
 * Sources: apt-get(8), apt.conf(5), sources.list(5).
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../cache-folder';
import { exec } from '../../exec';
import { findCommand } from '../../find-command';
import { withMachineLock } from '../../machine-lock';
import { type Architecture, hostArchitecture } from '../architecture';
import { ImageError } from '../image-error';

/** The release of Debian whose packages go into images; the Containerfile's base is of the same. */
export const debianRelease = 'bookworm';

/** A downloaded package. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The .deb file. */
  readonly file: string;
}

export interface DownloadOptions {
  /** Where the archive is. Default http://deb.debian.org. */
  readonly mirror?: string;
  readonly onLine?: (line: string) => void;
}

/** Package lists are asked for anew after this. */
const listsStaySeconds = 24 * 3600;

/**
 * Downloads `names` and what they depend on, without what is merely recommended. Sorted by name.
 * @throws ImageError ARCHITECTURE_UNKNOWN, APT_MISSING, APT_FAILED
 */
export async function downloadPackages(
  names: readonly string[],
  { mirror = 'http://deb.debian.org', onLine = () => undefined }: DownloadOptions = {},
): Promise<readonly DebianPackage[]> {
  const architecture = hostArchitecture();
  const aptGet = findCommand('apt-get');
  if (aptGet === undefined) {
    const remedy = 'Build on Debian or Ubuntu, or let podman build the Containerfile: podman build -f Containerfile .';
    throw new ImageError(
      'APT_MISSING',
      `Packages of Debian are downloaded with apt-get, which this system lacks. ${remedy}`,
    );
  }
  const folder = cacheFolder('image', 'apt', `${debianRelease}-${architecture}`);
  return withMachineLock(folder, async () => {
    const options = settings(folder, architecture, mirror);
    const apt = async (...args: readonly string[]) => {
      const { exitCode, stdout, output } = await exec(aptGet, [...options, ...args], { env: environment(), onLine });
      if (exitCode !== 0) throw failed(args, output);
      return stdout;
    };
    if (listsAgeSeconds(folder) > listsStaySeconds) {
      await apt('update');
      writeFileSync(join(folder, 'updated'), '');
    }
    const install = ['install', '--yes', '--no-install-recommends', ...names];
    await apt(...install, '--download-only');
    return chosen(await apt(...install, '--simulate'), folder);
  });
}

/** What a simulation says it would install: `Inst NAME (VERSION SOURCE [ARCHITECTURE])`. */
function chosen(simulation: string, folder: string): DebianPackage[] {
  const lines = [...simulation.matchAll(/^Inst (\S+) \((\S+) .*\[(\w+)\]\)/gm)];
  const packages = lines.map(([, name = '', version = '', architecture = '']) => ({
    name: name.replace(/:.*/, ''),
    version,
    architecture,
    file: join(folder, 'archives', `${name.replace(/:.*/, '')}_${version.replaceAll(':', '%3a')}_${architecture}.deb`),
  }));
  return packages.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function settings(folder: string, architecture: Architecture, mirror: string): string[] {
  for (const name of ['lists/partial', 'archives/partial', 'etc']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  writeFileSync(join(folder, 'etc/debian.sources'), sources(mirror));
  const options: Readonly<Record<string, string>> = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Keep-Downloaded-Packages': 'true',
    'APT::Sandbox::User': '',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::State::extended_states': join(folder, 'extended_states'),
    'Dir::Cache': folder,
    'Dir::Cache::archives': join(folder, 'archives'),
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(folder, 'etc'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::Log': folder,
  };
  return Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

function sources(mirror: string): string {
  const source = (path: string, ...suites: string[]) =>
    `Types: deb\nURIs: ${mirror}/${path}\nSuites: ${suites.join(' ')}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`;
  return [
    source('debian', debianRelease, `${debianRelease}-updates`),
    source('debian-security', `${debianRelease}-security`),
  ].join('\n');
}

function listsAgeSeconds(folder: string): number {
  const stamp = statSync(join(folder, 'updated'), { throwIfNoEntry: false });
  return stamp === undefined ? Number.POSITIVE_INFINITY : (Date.now() - stamp.mtimeMs) / 1000;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
}

function failed(args: readonly string[], output: string): ImageError {
  const tail = output.split('\n').slice(-8).join('\n');
  const remedy =
    'Check the network and the proxy of apt. On a system that is not Debian install debian-archive-keyring, whose keys check the packages.';
  return new ImageError('APT_FAILED', `apt-get ${args.join(' ')} failed:\n${tail}\n${remedy}`);
}
