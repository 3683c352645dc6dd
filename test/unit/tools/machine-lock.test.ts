import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { withMachineLock } from '../../../tools/machine-lock';

const name = (test: string) => `test-${test}-${process.pid}`;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('lets one holder in at a time and tells the others that they wait', async () => {
  const events: string[] = [];
  const holder = (id: string) =>
    withMachineLock(
      name('turns'),
      async () => {
        events.push(`${id} in`);
        await pause(20);
        events.push(`${id} out`);
      },
      { onWait: () => events.push(`${id} waits`) },
    );
  await Promise.all([holder('a'), holder('b')]);
  expect(events).toContain('b waits');
  expect(events.filter((event) => !event.endsWith('waits'))).toEqual(['a in', 'a out', 'b in', 'b out']);
});

test('is free again when the work fails', async () => {
  const failing = withMachineLock(name('failing'), () => Promise.reject(new Error('work failed')));
  await expect(failing).rejects.toThrow('work failed');
  await expect(withMachineLock(name('failing'), async () => 'in')).resolves.toBe('in');
});

test('is free again when its holder is killed', async () => {
  const { createHash } = await import('node:crypto');
  const address = `\0keyward-${createHash('sha256').update(name('killed')).digest('hex').slice(0, 32)}`;
  const script =
    'require("node:net").createServer().listen(process.argv[1].replace("@", "\\0"), () => console.log("holds"))';
  const holder = spawn(process.execPath, ['-e', script, address.replace('\0', '@')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const waiting = withMachineLock(name('killed'), async () => 'in', { onWait: () => holder.kill('SIGKILL') });
  await expect(waiting).resolves.toBe('in');
});
