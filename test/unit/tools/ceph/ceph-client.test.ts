import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CephClient } from '../../../../tools/ceph/ceph-client';

const folder = mkdtempSync(join(tmpdir(), 'keyward-ceph-client-'));
afterAll(() => rmSync(folder, { recursive: true }));
const client = new CephClient(folder);

test('gives back what a command printed and how it ended, whatever that is', async () => {
  const script = 'cat; echo why >&2; exit 3';
  expect(await client.run('sh', ['-c', script], 'in')).toEqual({ exitCode: 3, stdout: 'in', stderr: 'why\n' });
});

test('hands on nothing of its own environment but PATH', async () => {
  const { stdout } = await client.run('env', []);
  expect(stdout.trim().split('\n').sort()).toEqual([`HOME=${folder}`, `PATH=${process.env.PATH}`]);
});

test('does not mind a command that leaves its input unread', async () => {
  expect(await client.run('true', [], 'x'.repeat(1_000_000))).toMatchObject({ exitCode: 0 });
});

test('rejects what cannot be started', async () => {
  await expect(client.run('no-such-command', [])).rejects.toMatchObject({ code: 'ENOENT' });
});
