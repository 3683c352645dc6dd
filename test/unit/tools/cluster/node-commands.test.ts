import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNode } from '../../../../tools/cluster/node-commands';

const requests = mkdtempSync(join(tmpdir(), 'kw-'));
afterAll(() => rmSync(requests, { recursive: true }));

/** The node's half, as node.sh has it, for one request. */
async function serveOne(): Promise<readonly string[]> {
  for (;;) {
    const [folder] = readdirSync(requests).filter((name) => existsSync(join(requests, name, 'argv')));
    if (folder === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    const path = (name: string) => join(requests, folder, name);
    const argv = readFileSync(path('argv'), 'utf8').split('\0').slice(0, -1);
    writeFileSync(path('stdout'), readFileSync(path('stdin'), 'utf8').toUpperCase());
    writeFileSync(path('stderr'), 'why');
    writeFileSync(path('exit-code.unfinished'), '7\n');
    renameSync(path('exit-code.unfinished'), path('exit-code'));
    return argv;
  }
}

test('hands over every argument as it is, and standard input; brings back output and exit code', async () => {
  const argv = ['sh', '-c', 'echo "two  words"\n', ''];
  const [result, seen] = await Promise.all([runInNode(requests, { argv, stdin: 'in' }), serveOne()]);
  expect(seen).toEqual(argv);
  expect(result).toEqual({ exitCode: 7, stdout: 'IN', stderr: 'why' });
  expect(readdirSync(requests)).toEqual([]);
});

test('rejects when the node does not answer in time, and takes the request back', async () => {
  await expect(runInNode(requests, { argv: ['true'], timeoutMs: 1 })).rejects.toThrow('true has not ended');
  expect(readdirSync(requests)).toEqual([]);
});
