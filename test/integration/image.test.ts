/** The image of keyward: built twice, looked into, and its programs started in a root that has nothing else. */
import { execFile, execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { version } from '../../package.json';
import { findCommand } from '../../tools/find-command';
import { contentsOf, type Flavour } from '../../tools/image/contents';
import { keywardImage } from '../../tools/image/keyward-image';
import { writeImage } from '../../tools/image/write-image';
import { runsLongTests } from '../harness/long-test';

jest.setTimeout(900_000);
const run = promisify(execFile);
const root = join(__dirname, '../..');
const name = 'registry.example.com/keyward:test';
const createdSeconds = 1_700_000_000;

const describeOnDebian = (title: string, body: () => void) =>
  findCommand('apt-get') !== undefined || process.env.CI === 'true'
    ? describe(title, body)
    : describe.skip(`${title} [skipped: this system has no apt-get]`, body);

/** Arguments that make a command of the image say its version or, where it has none, how it is used. */
const versionArguments: Readonly<Record<string, string>> = {
  blkid: '-V',
  dmsetup: '--help',
  e2fsck: '-V',
  'mkfs.ext4': '-V',
  'mkfs.xfs': '-V',
  resize2fs: '--help',
  xfs_growfs: '-V',
  xfs_repair: '-V',
};

/** An image that the command built, unpacked. */
class UnpackedImage {
  readonly folder = mkdtempSync(join(tmpdir(), 'keyward-image-'));
  readonly rootfs = join(this.folder, 'root');
  readonly file = join(this.folder, 'image.tar');

  /** Returns what the command said. */
  async build(flavour: Flavour): Promise<Readonly<Record<string, unknown>>> {
    const args = ['--flavour', flavour, '--tag', name, '--file', this.file, '--output', 'json'];
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(createdSeconds) };
    const { stdout } = await run(process.execPath, ['--import', 'tsx', 'tools/image/main.ts', ...args], {
      cwd: root,
      env,
    });
    mkdirSync(this.rootfs);
    for (const layer of this.json<[{ Layers: string[] }]>('manifest.json')[0].Layers) {
      const blob = join(this.folder, 'layer');
      writeFileSync(blob, this.member(layer));
      await run('tar', ['-xzf', blob, '-C', this.rootfs, '--no-same-owner']);
    }
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** A file of the archive. */
  member(path: string): Buffer {
    return execFileSync('tar', ['-xOf', this.file, path], { maxBuffer: 512 * 1024 * 1024 });
  }

  json<T>(path: string): T {
    return JSON.parse(this.member(path).toString()) as T;
  }

  get config(): ImageConfig {
    return this.json<ImageConfig>(this.json<[{ Config: string }]>('manifest.json')[0].Config);
  }

  /** What a program of the image says, whatever its exit code: started in the image, as another user where that is allowed. */
  async say(command: string, ...args: readonly string[]): Promise<string> {
    const isRoot = process.getuid?.() === 0;
    const enter = isRoot ? ['--userspec=65532:65532', this.rootfs] : [this.rootfs];
    const file = isRoot ? 'chroot' : 'unshare';
    const before = isRoot ? [] : ['--map-root-user', 'chroot'];
    // PATH is for chroot itself; the image finds its own programs.
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
    const said = (result: { stdout: string; stderr: string }) => result.stdout + result.stderr;
    return run(file, [...before, ...enter, command, ...args], { env }).then(
      said,
      (error: { stdout: string; stderr: string }) => said(error),
    );
  }

  paths(): readonly string[] {
    return readdirSync(this.rootfs, { recursive: true, encoding: 'utf8' });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describeOnDebian('npm run image', () => {
  const unpacked = new UnpackedImage();
  let said: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    said = await unpacked.build('standard');
  });
  afterAll(() => unpacked.remove());

  test('the same sources give the same bytes again, and the command says which', async () => {
    const file = join(unpacked.folder, 'again.tar');
    const revision = unpacked.config.config.Labels['org.opencontainers.image.revision'];
    const { image } = await keywardImage({ flavour: 'standard', name, createdSeconds, ...(revision && { revision }) });
    const { digest, id } = await writeImage(image, file);
    expect(said).toMatchObject({ name, digest, id, file: unpacked.file, bytes: statSync(file).size });
    expect(readFileSync(file).equals(readFileSync(unpacked.file))).toBe(true);
    expect(existsSync(String(said.sbom))).toBe(true);
    expect(said.bytes).toBeLessThan(60_000_000);
  });

  test('node and keyward start in it, as a user who is not root', async () => {
    expect(await unpacked.say('/usr/bin/node', '--version')).toBe(`${process.version}\n`);
    expect(await unpacked.say('keyward', '--version')).toContain(version);
  });

  test.each(contentsOf('standard').flatMap(({ commands }) => commands))('%s starts in it', async (command) => {
    const answer = await unpacked.say(command, versionArguments[command] ?? '--version');
    expect(answer).toMatch(/\d+\.\d+|[Uu]sage/);
    expect(answer).not.toMatch(/error while loading|cannot open shared object|failed to run command/);
  });

  test('it has no shell, no package manager, and nothing that gives rights to who starts it', async () => {
    const commands = [...contentsOf('standard').flatMap((each) => each.commands), 'keyward', 'mke2fs', 'node'];
    const paths = unpacked.paths().filter((path) => /^usr\/(local\/)?s?bin\//.test(path));
    expect(paths.map((path) => basename(path)).sort()).toEqual(commands.sort());
    const { stdout } = await run('find', [unpacked.rootfs, '-type', 'f', '-perm', '/6002']);
    expect(stdout).toBe('');
  });

  test('its SBOM names the packages of which files are in it, each with its licence', () => {
    const bill = JSON.parse(readFileSync(join(unpacked.rootfs, 'usr/share/sbom/keyward.spdx.json'), 'utf8')) as {
      packages: { name: string; externalRefs: { referenceLocator: string }[] }[];
    };
    const debian = bill.packages.filter(({ externalRefs }) => externalRefs[0]?.referenceLocator.startsWith('pkg:deb/'));
    const described = readdirSync(join(unpacked.rootfs, 'var/lib/dpkg/status.d'));
    expect(described.sort()).toEqual(debian.map((each) => each.name).sort());
    expect(described).toEqual(expect.arrayContaining(contentsOf('standard').map((each) => each.package)));
    const npm = bill.packages.map((each) => each.name);
    expect(npm).toEqual(expect.arrayContaining(['node', '@grpc/grpc-js', 'zod']));
    const licences = unpacked.paths().filter((path) => path.endsWith('/copyright'));
    expect(licences.length).toBeGreaterThanOrEqual(25);
  });

  test('what the configuration names is in it', () => {
    const { config } = unpacked.config;
    expect(config.User).toBe('65532:65532');
    for (const path of config.Entrypoint) expect(existsSync(join(unpacked.rootfs, path))).toBe(true);
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'keyward',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.created': '2023-11-14T22:13:20Z',
    });
  });
});

(runsLongTests ? describeOnDebian : describe.skip)('npm run image for Ceph (runs with KEYWARD_LONG_TESTS=1)', () => {
  const unpacked = new UnpackedImage();
  beforeAll(() => unpacked.build('ceph'));
  afterAll(() => unpacked.remove());

  test.each(['rbd', 'rbd-nbd'])('%s starts in it', async (command) => {
    expect(await unpacked.say(command, '--version')).toMatch(/^ceph version \d+/);
  });

  test('date starts in it where rbd has it', async () => {
    expect(await unpacked.say('/bin/date', '--version')).toContain('coreutils');
  });

  test('librados and librbd are loaded as the driver loads them', async () => {
    const home = '/usr/local/lib/keyward';
    const program =
      "import('koffi').then(({ load }) => { load('librados.so.2'); load('librbd.so.1'); console.log('loaded') })";
    writeFileSync(join(unpacked.rootfs, home, 'try.cjs'), program);
    expect(await unpacked.say('/usr/bin/node', `${home}/try.cjs`)).toBe('loaded\n');
  });
});

interface ImageConfig {
  readonly config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}
