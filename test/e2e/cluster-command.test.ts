/** `npm run cluster` as people type it, without nodes: what it leaves and what it repeats does not depend on them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { BoxStatus } from '../../tools/cluster/control-protocol';
import { bootLimitMs, boxComponents } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';

jest.setTimeout(bootLimitMs);

const root = join(__dirname, '../..');

describeWithGuest(boxComponents, 'npm run cluster', () => {
  const parent = mkdtempSync('/tmp/keyward-box-');
  const folder = join(parent, 'cluster');
  afterAll(async () => {
    await cluster(['down']);
    rmSync(parent, { recursive: true, force: true });
  });

  test('says that there is no cluster, with exit code 3', async () => {
    expect(await cluster(['status'])).toMatchObject({ exitCode: 3, stdout: '' });
  });

  test('starts one, and finds it when it is asked again', async () => {
    const first = await up();
    expect(first.processes.map(({ name }) => name).sort()).toEqual([
      'etcd',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'openbao',
      'snapshot-controller',
    ]);
    expect(await up()).toMatchObject({ startedAt: first.startedAt, apiServer: first.apiServer });
    expect(await cluster(['status'])).toMatchObject({ exitCode: 0 });
  });

  test('starts another one after it was killed, whatever that has left', async () => {
    const before = await up();
    process.kill(boxPid(), 'SIGKILL');
    await untilGone(boxPid());
    expect(await cluster(['status'])).toMatchObject({ exitCode: 3 });
    expect((await up()).startedAt).not.toBe(before.startedAt);
  });

  test('leaves nothing when it is taken down, and says so when it is again', async () => {
    const pid = boxPid();
    expect(await cluster(['down', '--output', 'json'])).toMatchObject({
      exitCode: 0,
      stdout: '{\n  "down": true\n}\n',
    });
    expect(existsSync(folder)).toBe(false);
    await untilGone(pid);
    expect(await cluster(['down', '--output', 'json'])).toMatchObject({
      exitCode: 0,
      stdout: '{\n  "down": false\n}\n',
    });
  });

  test('leaves no process when `up` is killed half-way, and can be repeated then', async () => {
    const starting = run(['up', '--nodes', '0']);
    while (!existsSync(join(folder, 'log', 'etcd.log'))) await new Promise((resolve) => setTimeout(resolve, 50));
    starting.kill('SIGKILL');
    await once(starting, 'exit');
    while (existsSync(join(folder, 'etcd'))) await new Promise((resolve) => setTimeout(resolve, 50));
    await up();
  });

  test('refuses what it does not know, with exit code 2', async () => {
    expect(await cluster(['restart'])).toMatchObject({ exitCode: 2 });
  });

  async function up(): Promise<BoxStatus> {
    const { exitCode, stdout, stderr } = await cluster(['up', '--nodes', '0', '--output', 'json']);
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  function boxPid(): number {
    return Number(readFileSync(join(folder, 'pid'), 'utf8'));
  }

  function run(args: readonly string[]) {
    // Not through npm, which would not be killed together with its child.
    const command = ['--import', require.resolve('tsx'), 'tools/cluster/main.ts', ...args, '--folder', folder];
    return spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async function cluster(args: readonly string[]) {
    const child = run(args);
    const [stdout, stderr, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ]);
    return { exitCode, stdout, stderr };
  }
});

/** It ends when process 1 of this machine has taken note of its end, too. */
async function untilGone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 50));
}
