/** `keyward vault` as a user meets it: bundled, in a process of its own, against a real server. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../../tools/bundle';
import { describeWith } from '../../harness/describe-with';
import { type OpenBao, startOpenBao } from '../../harness/openbao';

jest.setTimeout(180_000);

describeWith(['openbao', 'openssl'], 'the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-vault-cli-'));
  const executable = join(folder, 'keyward.cjs');
  const stateFile = join(folder, 'state.yaml');
  const caFile = join(folder, 'ca.crt');
  const tokenFile = join(folder, 'token');
  let bao: OpenBao;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    bundle('runtime/bin/keyward.ts', executable);
    bao = await startOpenBao({ tls: true });
    writeFileSync(caFile, bao.caPem ?? '');
    writeFileSync(tokenFile, `${bao.rootToken}\n`);
    environment = { PATH: process.env.PATH, HOME: folder, VAULT_ADDR: bao.address, VAULT_CACERT: caFile };
  });
  beforeEach(() =>
    writeFileSync(
      stateFile,
      [
        'owner: cli # as people write it',
        'namespaces:',
        '  "":',
        '    mounts: { shop: { type: kv, version: 2, maxVersions: 3 } }',
        '    policies: { shop: { rules: [{ path: shop/data/*, capabilities: [read] }] } }',
      ].join('\n'),
    ),
  );
  afterAll(async () => {
    await bao?.stop();
    rmSync(folder, { recursive: true });
  });

  const keyward = (args: readonly string[], more: NodeJS.ProcessEnv = { VAULT_TOKEN: bao.rootToken }) => {
    const run: SpawnSyncReturns<string> = spawnSync(process.execPath, [executable, ...args], {
      encoding: 'utf8',
      env: { ...environment, ...more },
      timeout: 60_000,
    });
    expect(run.stdout + run.stderr).not.toContain(bao.rootToken);
    return run;
  };
  const vault = (command: string, ...args: string[]) => keyward(['vault', command, '--state', stateFile, ...args]);
  const colourCode = '\u001b[';

  test('plan, apply, apply again, destroy: texts and exit codes', () => {
    expect(vault('plan').status).toBe(0);
    const planned = vault('plan', '--detailed-exitcode');
    expect(planned.status).toBe(2);
    expect(planned.stdout).toContain('+ sys/mounts/shop is made\n    max_versions = 3\n');
    expect(planned.stdout).toContain('    + path "shop/data/*" {\n');
    expect(planned.stdout).toMatch(/^cli: 2 to make, 0 as wanted$/m);

    const applied = vault('apply');
    expect(applied.status).toBe(0);
    expect(applied.stderr).toContain('[1/2] + sys/mounts/shop is made\n');
    expect(vault('apply')).toMatchObject({ status: 0, stdout: 'cli: no change, 2 as wanted\n', stderr: '' });
    expect(vault('plan', '--detailed-exitcode').status).toBe(0);

    const destroyed = vault('destroy');
    expect(destroyed.status).toBe(0);
    expect(destroyed.stdout).toMatch(/^- sys\/mounts\/shop is removed$/m);
  });

  test('JSON on standard output, progress beside it', () => {
    expect(JSON.parse(vault('plan', '--output', 'json').stdout)).toMatchObject({
      owner: 'cli',
      changes: [
        { action: 'create', kind: 'mount', path: 'sys/mounts/shop', fields: [{ name: 'max_versions', after: 3 }] },
        { action: 'create', kind: 'policy', path: 'sys/policies/acl/shop' },
      ],
      problems: [],
      shared: [],
      unchanged: 0,
    });
    const applied = vault('apply', '--output=json');
    expect(JSON.parse(applied.stdout)).toMatchObject({ applied: true });
    expect(applied.stderr).toContain('[2/2]');
    expect(JSON.parse(vault('destroy', '--output=json').stdout)).toMatchObject({ applied: true, unchanged: 0 });
  });

  test('a plan that cannot be carried out says why, ends with 1, and apply does nothing', async () => {
    await bao.expectOk('POST', 'sys/policies/acl/shop', { policy: 'path "theirs" {\n}\n' });
    const planned = vault('plan', '--detailed-exitcode');
    expect(planned.status).toBe(1);
    expect(planned.stdout).toContain(
      '! sys/policies/acl/shop exists, and is not ours; it differs in policy\n    VAULT_FOREIGN: ',
    );
    expect(JSON.parse(vault('plan', '--output=json').stdout).problems).toMatchObject([
      { code: 'VAULT_FOREIGN', path: 'sys/policies/acl/shop' },
    ]);
    const applied = vault('apply', '--output=json');
    expect(applied.status).toBe(1);
    expect(applied.stderr).toMatch(/^keyward: VAULT_FOREIGN: nothing was changed: /);
    expect(JSON.parse(applied.stdout)).toMatchObject({ applied: false });

    const adopting = vault('apply', '--adopt', 'sys/policies/acl/shop');
    expect(adopting.status).toBe(0);
    expect(adopting.stdout).toContain('    - path "theirs" {\n');
    await bao.expectOk('POST', 'shop/data/entry', { data: { a: 'b' } });
    expect(vault('destroy').stderr).toMatch(/^keyward: VAULT_HOLDS_DATA: /);
    expect(vault('destroy', '--delete-data=sys/mounts/shop').status).toBe(0);
  });

  test('colours for people only', () => {
    const token = { VAULT_TOKEN: bao.rootToken };
    const args = ['vault', 'plan', '--state', stateFile];
    expect(keyward(args, { ...token, FORCE_COLOR: '1' }).stdout).toContain(colourCode);
    for (const plain of [
      keyward(args, token),
      keyward(args, { ...token, FORCE_COLOR: '1', NO_COLOR: '1' }),
      keyward([...args, '--no-color'], { ...token, FORCE_COLOR: '1' }),
      keyward([...args, '--output=json'], { ...token, FORCE_COLOR: '1' }),
    ]) {
      expect(plain.stdout).not.toContain(colourCode);
    }
  });

  test('the token comes from a flag for a file, the environment, or the file of the Vault client', () => {
    const args = ['vault', 'plan', '--state', stateFile];
    expect(keyward([...args, '--token-file', tokenFile], { VAULT_TOKEN: 'wrong' }).status).toBe(0);
    expect(keyward(args, { BAO_TOKEN: bao.rootToken }).status).toBe(0);
    const without = keyward(args, {});
    expect(without.stderr).toMatch(/^keyward: CONFIG_INVALID: there is no token/);
    expect(without.status).toBe(1);
    writeFileSync(join(folder, '.vault-token'), bao.rootToken);
    expect(keyward(args, {}).status).toBe(0);
  });

  test('AppRole logs in with files', async () => {
    await bao.expectOk('POST', 'sys/auth/approle', { type: 'approle' });
    await bao.expectOk('POST', 'sys/policies/acl/ledger', {
      policy: 'path "sys/*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
    });
    await bao.expectOk('POST', 'auth/approle/role/ci', { token_policies: ['ledger'] });
    mkdirSync(join(folder, 'approle'));
    const id = (await bao.expectOk('GET', 'auth/approle/role/ci/role-id')).body.data.role_id;
    const secret = (await bao.expectOk('POST', 'auth/approle/role/ci/secret-id', {})).body.data.secret_id;
    writeFileSync(join(folder, 'approle/role-id'), id);
    writeFileSync(join(folder, 'approle/secret-id'), secret);
    const args = ['--auth-method=approle', `--role-id-file=${folder}/approle/role-id`];
    const login = [...args, `--secret-id-file=${folder}/approle/secret-id`];
    expect(keyward(['vault', 'plan', '--state', stateFile, ...login], {}).status).toBe(0);
    expect(keyward(['vault', 'plan', '--state', stateFile, ...args], {}).stderr).toMatch(/^keyward: KMS_DENIED: /);
  });

  test('trap 8: an unchecked certificate works only when it is asked for, and is told', () => {
    const args = ['vault', 'plan', '--state', stateFile];
    const more = { VAULT_TOKEN: bao.rootToken, VAULT_CACERT: '' };
    expect(keyward(args, more).stderr).toMatch(/^keyward: KMS_TLS_UNTRUSTED: /);
    const open = keyward(args, { ...more, VAULT_SKIP_VERIFY: 'true' });
    expect(open.status).toBe(0);
    expect(open.stderr).toMatch(/^keyward: warning: the certificate/);
  });

  test('refuses a state that is wrong, naming what is', () => {
    writeFileSync(stateFile, 'owner: cli\nnamespaces: { "": { mount: {} } }\n');
    const { status, stderr } = vault('apply');
    expect(stderr).toMatch(/^keyward: CONFIG_INVALID: [\s\S]*\bmount is not a known key/);
    expect(status).toBe(1);
  });

  test.each([
    ['2 as everywhere', [], 2],
    ['1 with --detailed-exitcode, where 2 means changes', ['--detailed-exitcode'], 1],
  ])('a wrong command line ends with %s', (_, more, status) => {
    expect(keyward(['vault', 'plan', ...more, '--sate', stateFile]).status).toBe(status);
    expect(keyward(['vault', 'plan', ...more]).status).toBe(status);
    expect(keyward(['vault', 'plan', ...more, '--help']).status).toBe(0);
  });

  test('help and completion name what there is', () => {
    const help = keyward(['vault', 'apply', '--help']).stdout;
    for (const flag of ['--state', '--adopt', '--delete-data', '--raise-min-decryption', '--token-file', '--output'])
      expect(help).toContain(flag);
    expect(keyward(['--help']).stdout).toMatch(/^ {2}vault\b/m);
    const completion = keyward(['completion', 'bash']).stdout;
    expect(completion).toMatch(/^ {4}vault\) words='plan apply destroy .*--detailed-exitcode/m);
  });
});
