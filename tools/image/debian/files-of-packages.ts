/** The part of some packages that an image needs, with what a scanner and a lawyer want to know of each. */
import { execFile } from 'node:child_process';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { libraryFolder } from '../architecture';
import type { PackageContents } from '../contents';
import type { Entry } from '../entry';
import { ImageError } from '../image-error';
import { selectNeeded } from '../select';
import type { DebianPackage } from './apt';
import { packageFiles } from './package-files';

/** What was taken of the packages. */
export interface DebianFiles {
  readonly entries: readonly Entry[];
  /** Those of which anything was taken. */
  readonly packages: readonly DebianPackage[];
}

/**
 * Takes `contents` from `packages`, with the libraries of those and of `programs`, which are no package's.
 * @throws ImageError PACKAGE_UNREADABLE, PATH_MISSING, LIBRARY_MISSING
 */
export async function filesOfPackages(
  packages: readonly DebianPackage[],
  contents: readonly PackageContents[],
  programs: readonly Entry[],
): Promise<DebianFiles> {
  const extra = new Set(contents.flatMap(({ files = [] }) => files));
  const available = new Map<string, Entry>();
  const owner = new Map<string, DebianPackage>();
  for (const each of packages) {
    const isWanted = (path: string) => isProgramOrLibrary(path) || isLicence(path) || extra.has(path);
    for (const entry of await packageFiles(each.file, isWanted)) {
      available.set(entry.path, entry);
      owner.set(entry.path, each);
    }
  }
  const roots = contents.flatMap(({ commands, libraries = [], files = [] }) => [
    ...commands.map((command) => commandPath(available, command)),
    ...libraries.map((library) => `${libraryFolder()}/${library}`),
    ...files,
  ]);
  const entries = selectNeeded(available, [...roots, ...programs]);
  const used = new Set(entries.map(({ path }) => owner.get(path)));
  const usedPackages = packages.filter((each) => used.has(each));
  const licences = selectNeeded(
    available,
    usedPackages.map(({ name }) => licencePath(available, name)),
  );
  const descriptions = await Promise.all(usedPackages.map((each) => description(each)));
  return { entries: [...entries, ...licences, ...descriptions], packages: usedPackages };
}

function isProgramOrLibrary(path: string): boolean {
  return /^\/usr\/s?bin\//.test(path) || (/^\/usr\/lib/.test(path) && /\.so(\.|$)/.test(path));
}

function commandPath(available: ReadonlyMap<string, Entry>, command: string): string {
  const path = [`/usr/sbin/${command}`, `/usr/bin/${command}`].find((each) => available.has(each));
  if (path !== undefined) return path;
  throw new ImageError('PATH_MISSING', `No package has ${command}. Correct its package in tools/image/contents.ts.`);
}

function isLicence(path: string): boolean {
  // The folder itself may be a link to that of another package, of the same source.
  return /^\/usr\/share\/doc\/[^/]+(\/copyright)?$/.test(path);
}

function licencePath(available: ReadonlyMap<string, Entry>, name: string): string {
  const folder = `/usr/share/doc/${name}`;
  const entry = available.get(folder);
  return `${entry?.type === 'link' ? posix.resolve('/usr/share/doc', entry.target) : folder}/copyright`;
}

/** Where images without dpkg keep it and scanners look. */
async function description({ name, file }: DebianPackage): Promise<Entry> {
  const { stdout } = await promisify(execFile)('dpkg-deb', ['--field', file]);
  return { type: 'file', path: `/var/lib/dpkg/status.d/${name}`, content: Buffer.from(stdout) };
}
