/** `keyward lint` as a user meets it: bundled, in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { cephClass, cephParameters, kmsConfig, state, vaultSection } from '../../../lib/rules/examples/parts';
import { rules } from '../../../lib/rules/rules';
import { bundle } from '../../../tools/bundle';

const folder = mkdtempSync(join(tmpdir(), 'keyward-lint-'));
const executable = join(folder, 'keyward.cjs');
const manifests = join(folder, 'manifests');
const wrong = join(manifests, 'b', 'wrong.yaml');

beforeAll(() => {
  bundle('runtime/bin/keyward.ts', executable);
  mkdirSync(join(manifests, 'b'), { recursive: true });
  writeFileSync(join(manifests, 'a.yaml'), stringify(kmsConfig()));
  writeFileSync(join(manifests, 'notes.txt'), 'no manifest: {');
  writeFileSync(
    wrong,
    `# a comment\n---\n${stringify(kmsConfig())}---\n${stringify(cephClass({ ...cephParameters, encrypted: 'yes' }))}`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const lint = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [executable, 'lint', ...args], {
    encoding: 'utf8',
    input,
    timeout: 120_000,
  });
  return { status, stdout, stderr };
};
const rulesIn = (stdout: string) => (JSON.parse(stdout) as { rule: string }[]).map(({ rule }) => rule);
const insecure = stringify(kmsConfig({ 'vault-eu': { ...vaultSection, vaultCAVerify: 'false' } }));

describe('exit codes', () => {
  test('0 when nothing is wrong, also when there is a warning', () => {
    expect(lint([join(manifests, 'a.yaml')])).toMatchObject({ status: 0, stdout: '0 errors, 0 warnings\n' });
    const { status, stdout } = lint(['--environment', 'dev', '-'], insecure);
    expect(status).toBe(0);
    expect(stdout).toMatch(/<stdin>:1: warning KW08 [\s\S]*\n0 errors, 1 warning\n$/);
  });

  test('1 when an error is found', () => {
    expect(lint(['-'], insecure).status).toBe(1);
  });

  test.each([
    ['no file', [], /standard input/],
    ['a file that is not there', ['/nonexistent.yaml'], /CONFIG_UNREADABLE/],
    ['a rule that does not exist', ['--rule', 'KW99', '-'], /KW01 to KW15/],
    ['a version that is none', ['--cluster-version', 'new', '-'], /1\.34/],
    ['an unknown flag, with what was meant', ['--vault-stat', 'x', '-'], /--vault-state/],
  ] as const)('2 for %s', (_, args, text) => {
    const { status, stderr } = lint(args);
    expect(stderr).toMatch(text);
    expect(status).toBe(2);
  });

  test('2 for what is not YAML, and its text is not quoted', () => {
    const { status, stdout, stderr } = lint(['-'], 'token: "canary\nother: [');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^keyward: CONFIG_INVALID: <stdin>:\d+ is not YAML/);
    expect(stderr).not.toContain('canary');
  });
});

describe('input', () => {
  test('a folder is read to its leaves, YAML and JSON alone, and a finding names file and line', () => {
    const { status, stdout } = lint(['--output', 'json', manifests]);
    expect(status).toBe(1);
    const line = 1 + stringify(kmsConfig()).split('\n').length - 1 + 3;
    expect(JSON.parse(stdout)).toEqual([
      {
        rule: 'KW01',
        severity: 'error',
        file: wrong,
        line,
        object: 'StorageClass rbd-luks',
        path: 'parameters.encrypted',
        message: expect.any(String),
        got: 'other text',
        allowed: '"true", "false"',
        remedy: expect.any(String),
      },
    ]);
  });

  test('several files are one set: a mistake between them is found', () => {
    const first = join(folder, 'class.json');
    writeFileSync(first, JSON.stringify(cephClass({ ...cephParameters, encryptionKMSID: 'vault-ue' })));
    expect(rulesIn(lint(['--output', 'json', first]).stdout)).toEqual([]);
    expect(rulesIn(lint(['--output', 'json', first, join(manifests, 'a.yaml')]).stdout)).toEqual(['KW04']);
  });

  test('--vault-state, --previous and --migrated give the rules what they need', () => {
    const vault = join(folder, 'vault.json');
    writeFileSync(vault, JSON.stringify(state({ policies: {} })));
    expect(rulesIn(lint(['--output', 'json', '--vault-state', vault, '-'], '').stdout)).toEqual(['KW04']);
    const before = join(folder, 'before.yaml');
    writeFileSync(before, stringify(kmsConfig()));
    const moved = stringify(kmsConfig({ 'vault-eu': { ...vaultSection, vaultBackendPath: 'elsewhere' } }));
    expect(rulesIn(lint(['--output', 'json', '--previous', before, '-'], moved).stdout)).toEqual(['KW14']);
    expect(
      rulesIn(lint(['--output', 'json', '--previous', before, '--migrated', 'vault-eu', '-'], moved).stdout),
    ).toEqual([]);
  });

  test('an alias bomb ends with 2, at once', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`),
    ].join('\n');
    expect(lint(['-'], bomb).status).toBe(2);
  });
});

describe('output', () => {
  test('--rule and --skip select rules', () => {
    expect(rulesIn(lint(['--output', 'json', '--skip', 'kw08', '-'], insecure).stdout)).toEqual([]);
    expect(rulesIn(lint(['--output', 'json', '--rule', 'KW08', '-'], insecure).stdout)).toEqual(['KW08']);
  });

  test('SARIF names rules and places', () => {
    const { runs } = JSON.parse(lint(['--output', 'sarif', manifests]).stdout);
    expect(runs[0].tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(rules.map(({ id }) => id));
    expect(runs[0].results).toMatchObject([
      { ruleId: 'KW01', level: 'error', locations: [{ physicalLocation: { artifactLocation: { uri: wrong } } }] },
    ]);
  });

  test('annotations for GitHub are one line each', () => {
    expect(lint(['--output', 'github', manifests]).stdout).toMatch(
      /^::error file=\S+wrong\.yaml,line=\d+,title=KW01::.+\n$/,
    );
  });

  test('--list prints every rule', () => {
    const { status, stdout } = lint(['--list']);
    expect(status).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.slice(0, 4)),
    ).toEqual(rules.map(({ id }) => id));
    expect(JSON.parse(lint(['--list', '--output', 'json']).stdout)).toHaveLength(15);
  });
});
