import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

jest.setTimeout(120_000);
const root = join(__dirname, '../../../..');
const image = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'tools/image/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });

test('--help shows every option', () => {
  const { status, stdout } = image(['--help']);
  expect(status).toBe(0);
  for (const option of ['--flavour', '--tag', '--file', '--node', '--compression', '--mirror', '--output'])
    expect(stdout).toContain(`\n  ${option} `);
});

test.each([
  [['--flavour', 'tiny'], {}],
  [['--output', 'yaml'], {}],
  [['--unknown'], {}],
  [[], { SOURCE_DATE_EPOCH: 'yesterday' }],
])('refuses %j with %j as wrong usage', (args, env) => {
  expect(image(args, env)).toMatchObject({ status: 2, stdout: '' });
});

test('refuses a Node.js that is none, before anything is downloaded', () => {
  const { status, stderr } = image(['--node', '/bin/true']);
  expect(status).toBe(1);
  expect(stderr).toContain('NODE_UNUSABLE');
});
