/** The executable as a user meets it: bundled, in a process of its own. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kmsTypeNames } from '../../../lib/schema/kms';
import { version } from '../../../package.json';
import { encodeToken, keywardTokenId } from '../../../runtime/luks/token';
import { bundle } from '../../../tools/bundle';
import { describeWithCryptsetup, luks, makeScratch, oldKey, uuid } from '../luks/scratch';

const folder = mkdtempSync(join(tmpdir(), 'keyward-cli-'));
const executable = join(folder, 'keyward.cjs');
beforeAll(() => bundle('runtime/bin/keyward.ts', executable));
afterAll(() => rmSync(folder, { recursive: true }));

const keyward = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [executable, ...args], { encoding: 'utf8', timeout: 30_000 });

describe('help', () => {
  test('names every command on standard output and ends with 0', () => {
    const { status, stdout } = keyward('--help');
    expect(status).toBe(0);
    for (const command of ['csi', 'inspect', 'completion']) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  test('of a command names its flags', () => {
    const { status, stdout } = keyward('csi', '--help');
    expect(status).toBe(0);
    for (const flag of ['--endpoint', '--controller', '--node', '--kms-config', '--state-dir'])
      expect(stdout).toContain(flag);
  });

  test('the version is that of the package', () => {
    expect(keyward('--version').stdout.trim()).toBe(version);
  });
});

describe('a wrong command line ends with 2 and says what is wrong', () => {
  test.each([
    ['an unknown command', ['serve'], /serve/],
    ['an unknown flag, with what was meant', ['csi', '--endpiont', 'x'], /--endpiont[\s\S]*--endpoint/],
    ['a flag without its value', ['csi', '--config'], /--config/],
    ['a port that is none', ['csi', '--health-port', '70000'], /0 to 65535/],
    ['a missing argument', ['inspect'], /device/],
    ['a format that is none', ['inspect', '--output', 'xml', 'x'], /text, json/],
  ] as const)('%s', (_, args, text) => {
    const { status, stderr } = keyward(...args);
    expect(stderr).toMatch(text);
    expect(status).toBe(2);
  });
});

describe('a start that fails ends with 1, tells code and remedy, and leaves nothing', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(folder, 'start-'));
  });
  const config = () => ({ backend: { type: 'loop', directory: join(root, 'volumes') } });
  const start = (
    documents: { readonly config?: unknown; readonly kms?: unknown },
    endpoint = join(root, 'csi/csi.sock'),
  ) => {
    mkdirSync(join(root, 'etc'));
    for (const [name, value] of Object.entries(documents))
      writeFileSync(join(root, 'etc', `${name}.json`), JSON.stringify(value));
    const paths = [
      `--config=${root}/etc/config.json`,
      `--kms-config=${root}/etc/kms.json`,
      `--state-dir=${root}/state`,
    ];
    return keyward('csi', '--node-id=n', `--endpoint=unix://${endpoint}`, ...paths);
  };

  test.each<readonly [string, { config?: unknown; kms?: unknown }, string, RegExp]>([
    ['no configuration', {}, 'CONFIG_UNREADABLE', /config\.json/],
    ['a misspelt key', { config: { backned: {} }, kms: {} }, 'CONFIG_INVALID', /backned/],
    ['a wrong type', { config: { backend: 'loop' }, kms: {} }, 'CONFIG_INVALID', /backend/],
    [
      'trap 1: a string for a boolean of a KMS',
      {
        config: { backend: { type: 'loop', directory: '/x' } },
        kms: {
          eu: {
            encryptionKMSType: 'vault',
            vaultAddress: 'https://v',
            vaultPassphrasePath: '',
            vaultCAVerify: 'ja',
            vaultAuthMethod: 'token',
            vaultTokenFile: '/t',
          },
        },
      },
      'CONFIG_INVALID',
      /eu\.vaultCAVerify/,
    ],
  ])('%s', (_, documents, code, naming) => {
    const { status, stderr } = start(documents);
    expect(stderr).toMatch(new RegExp(`^keyward: ${code}: [\\s\\S]+\\. [A-Z].+\\.\n$`));
    expect(stderr).toMatch(naming);
    expect(status).toBe(1);
    expect(readdirSync(root)).toEqual(['etc']);
  });

  test('a file where the socket should be', () => {
    const endpoint = join(root, 'precious');
    writeFileSync(endpoint, 'data');
    const { status, stderr } = start({ config: config(), kms: {} }, endpoint);
    expect(stderr).toContain(' SOCKET_OCCUPIED: ');
    expect(status).toBe(1);
    expect(readdirSync(root).sort()).toEqual(['etc', 'precious']);
  });

  test('an endpoint that is no unix socket', () => {
    const { status, stderr } = start({ config: config(), kms: {} }, 'relative.sock');
    expect(stderr).toContain(' CONFIG_INVALID: ');
    expect(status).toBe(1);
    expect(readdirSync(root)).toEqual(['etc']);
  });
});

describe('kms list', () => {
  test('prints every type, those that keyward refuses among them, and what each can do', () => {
    const { status, stdout } = keyward('kms', 'list');
    expect(status).toBe(0);
    for (const type of kmsTypeNames) expect(stdout).toMatch(new RegExp(`^${type} +(kms|metadata|none) `, 'm'));
  });

  test('as JSON is the table of the schema', () => {
    const types = JSON.parse(keyward('kms', 'list', '--output', 'json').stdout);
    expect(types.map(({ type }: { type: string }) => type)).toEqual(kmsTypeNames);
    expect(types[0]).toMatchObject({ type: 'default', supported: false });
    expect(types.at(-1)).toMatchObject({ type: 'vaulttransit', supported: true, rotatesKek: 'rewrap' });
  });
});

describe('completion', () => {
  test('for bash is a valid script that completes commands and flags', () => {
    const { stdout } = keyward('completion', 'bash');
    const file = join(folder, 'completion.bash');
    writeFileSync(file, stdout);
    expect(spawnSync('bash', ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    const complete = (...words: string[]) => {
      const script = `source ${file}; COMP_WORDS=(keyward ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _keyward; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: folder }).stdout.trim().split('\n');
    };
    expect(complete('ins')).toEqual(['inspect']);
    expect(complete('csi', '--kms')).toEqual(['--kms-config']);
  });

  test('is there for zsh and fish, and refuses another shell', () => {
    expect(keyward('completion', 'zsh').stdout).toContain('bashcompinit');
    expect(keyward('completion', 'fish').stdout).toContain('complete -c keyward');
    expect(keyward('completion', 'tcsh').status).toBe(2);
  });
});

describeWithCryptsetup('inspect', () => {
  test('prints as JSON what a formatted file says of itself, needing no key', async () => {
    const scratch = makeScratch();
    const dek = oldKey();
    await scratch.cryptsetup.format({ device: scratch.image, uuid, luks, dek });
    const token = encodeToken({ kmsId: 'vault-eu', keyReference: 'loop-1', luksUuid: uuid, keyslots: [0] });
    await scratch.cryptsetup.importToken(scratch.image, token, keywardTokenId, { replace: false });
    const { status, stdout } = keyward('inspect', '--output', 'json', scratch.image);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      uuid,
      cipher: 'aes-xts-plain64',
      keySizeBits: 512,
      sectorSizeBytes: 4096,
      dataOffsetBytes: 16 * 2 ** 20,
      keyslots: [0],
      kmsId: 'vault-eu',
      keyReference: 'loop-1',
      rotatedAt: 'never',
    });
    expect(keyward('inspect', scratch.image).stdout).toMatch(/^kmsId +vault-eu$/m);
    scratch.remove();
  });

  test('of a file without a header ends with 1 and the code', () => {
    const { status, stderr } = keyward('inspect', executable);
    expect(stderr).toMatch(/^keyward: LUKS_NOT_LUKS: /);
    expect(status).toBe(1);
  });
});
