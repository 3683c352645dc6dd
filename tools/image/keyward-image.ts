/** The image of keyward: Node.js, the bundle, and of Debian what the driver starts. No shell and no package manager. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageUser } from '../../lib/constructs/images';
import { bundle } from '../bundle';
import { contentsOf, type Flavour } from './contents';
import { downloadPackages } from './debian/apt';
import { filesOfPackages } from './debian/files-of-packages';
import { mergedLinks } from './debian/merged-path';
import type { Entry } from './entry';
import { nodePath, nodeProgram } from './node-program';
import { npmPackagesOf } from './npm-packages';
import { sbom } from './sbom';
import type { Image } from './write-image';

const root = join(__dirname, '../..');

/** Where keyward is in the image, and beside it koffi. */
const home = '/usr/local/lib/keyward';
const program = `${home}/keyward.cjs`;

export interface KeywardImageOptions {
  readonly flavour: Flavour;
  /** Registry, path and tag. */
  readonly name: string;
  /** The Node.js that is put in. Default: the one that runs this. */
  readonly node?: string;
  /** Seconds since 1970 that the image says it was made at. Default 0. */
  readonly createdSeconds?: number;
  /** Commit that it is made of. */
  readonly revision?: string;
  /** Where Debian's archive is. */
  readonly mirror?: string;
  readonly compression?: 'gzip' | 'none';
  /** Called with what is being done. */
  readonly onProgress?: (detail: string) => void;
}

/** An image and what it is made of. */
export interface KeywardImage {
  readonly image: Image;
  readonly sbom: ReturnType<typeof sbom>;
}

/**
 * Collects the image; `writeImage` writes it.
 * @throws ImageError ARCHITECTURE_UNKNOWN, APT_*, PACKAGE_UNREADABLE, PATH_MISSING, LIBRARY_MISSING, NODE_UNUSABLE
 */
export async function keywardImage(options: KeywardImageOptions): Promise<KeywardImage> {
  const { flavour, name, node: nodeFile = process.execPath, createdSeconds = 0, revision, onProgress } = options;
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>;
  const keyward = bundled();
  const koffi = koffiFiles();
  const node = await nodeProgram(nodeFile);
  const contents = contentsOf(flavour);
  onProgress?.(`packages of Debian: ${contents.map((each) => each.package).join(' ')}`);
  const packages = await downloadPackages(
    contents.map((each) => each.package),
    { ...(options.mirror !== undefined && { mirror: options.mirror }), onLine: (line) => onProgress?.(line) },
  );
  onProgress?.('files that are needed of them');
  const debian = await filesOfPackages(packages, contents, [node.program, ...koffi.map(({ entry }) => entry)]);
  const npm = npmPackagesOf(root, [...keyward.sources, ...koffi.map(({ source }) => source)]);
  const created = new Date(createdSeconds * 1000).toISOString().replace('.000Z', 'Z');
  const bill = sbom({ name, version: version ?? '', created, nodeVersion: node.version, debian: debian.packages, npm });
  const image: Image = {
    name,
    layers: [
      { entries: [...debian.entries, ...skeleton()], comment: `Debian: ${contents.map((it) => it.package).join(' ')}` },
      { entries: [node.program, ...node.license], comment: `Node.js ${node.version}` },
      {
        entries: [...koffi.map(({ entry }) => entry), ...keywardFiles(keyward.code, bill)],
        comment: `keyward ${version}`,
      },
    ],
    entrypoint: [nodePath, program],
    // What needs root says so in its Pod.
    user: `${imageUser}:${imageUser}`,
    createdSeconds,
    ...(options.compression && { compression: options.compression }),
    labels: {
      'org.opencontainers.image.title': 'keyward',
      'org.opencontainers.image.description': 'Encrypted storage on Kubernetes: LUKS2 per volume, keys in a KMS',
      'org.opencontainers.image.version': version ?? '',
      'org.opencontainers.image.licenses': license ?? '',
      'org.opencontainers.image.created': created,
      ...(revision !== undefined && { 'org.opencontainers.image.revision': revision }),
    },
  };
  return { image, sbom: bill };
}

/** The bundle made anew, so that the image never holds an old one. */
function bundled(): { readonly code: Buffer; readonly sources: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-image-'));
  try {
    const file = join(folder, 'keyward.cjs');
    const sources = bundle('runtime/bin/keyward.ts', file);
    return { code: readFileSync(file), sources };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function keywardFiles(code: Buffer, bill: KeywardImage['sbom']): Entry[] {
  return [
    { type: 'file', path: program, mode: 0o755, content: code },
    // For people: `kubectl exec … -- keyward inspect …`.
    { type: 'link', path: '/usr/local/bin/keyward', target: '../lib/keyward/keyward.cjs' },
    { type: 'file', path: '/usr/share/doc/keyward/copyright', content: readFileSync(join(root, 'LICENSE')) },
    { type: 'file', path: '/usr/share/sbom/keyward.spdx.json', content: Buffer.from(JSON.stringify(bill)) },
  ];
}

/** What Debian's scripts would make, or a container takes for granted. */
function skeleton(): Entry[] {
  const text = (path: string, ...lines: string[]): Entry => {
    return { type: 'file', path, content: Buffer.from(`${lines.join('\n')}\n`) };
  };
  const accounts = ['root:x:0:0', `keyward:x:${imageUser}:${imageUser}`, 'nobody:x:65534:65534'];
  return [
    ...mergedLinks,
    ...['dev', 'etc', 'proc', 'run', 'sys', 'var'].map((name): Entry => ({ type: 'folder', path: `/${name}` })),
    { type: 'folder', path: '/tmp', mode: 0o1777 },
    { type: 'link', path: '/var/run', target: '/run' },
    { type: 'link', path: '/etc/mtab', target: '../proc/self/mounts' },
    text('/etc/passwd', ...accounts.map((account) => `${account}::/nonexistent:/nonexistent`)),
    text('/etc/group', ...accounts.map((account) => `${account.split(':').slice(0, 3).join(':')}:`)),
    text('/etc/nsswitch.conf', 'passwd: files', 'group: files', 'hosts: files dns'),
  ];
}

/** The npm package with machine code, through which the C library and librados are called: what Node.js loads of it on this machine. */
function koffiFiles(): { readonly source: string; readonly entry: Entry }[] {
  const native = `node_modules/@koromix/koffi-linux-${process.arch}`;
  const folders: readonly (readonly [string, RegExp])[] = [
    ['node_modules/koffi', /^(index\.c?js|package\.json|LICENSE\.txt|src\/koffi\/(src\/)?[a-z]+\.c?js)$/],
    [native, /^(index\.js|package\.json|linux_[a-z0-9]+\/koffi\.node)$/],
  ];
  return folders.flatMap(([folder, wanted]) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => wanted.test(path))
      .map((path) => {
        const source = `${folder}/${path}`;
        return { source, entry: { type: 'file', path: `${home}/${source}`, content: { file: join(root, source) } } };
      }),
  );
}
