/** How many `rbd` commands run at once. */
import { RbdCli } from '../../../../runtime/device/rbd/rbd-cli';
import type { Run } from '../../../../runtime/process/run';
import { Secret } from '../../../../runtime/secret';

const image = { pool: 'kube', namespace: '', image: 'csi-vol-1' };

/** Stands for `rbd`: runs until it is let go. */
class Commands {
  readonly #running: (() => void)[] = [];
  most = 0;
  ended = 0;

  readonly run: Run = async () => {
    await new Promise<void>((resolve) => {
      this.#running.push(resolve);
      this.most = Math.max(this.most, this.#running.length);
    });
    this.ended += 1;
    return { exitCode: 0, stdout: '', stderr: '', durationMs: 1 };
  };

  async letAllGo(): Promise<void> {
    while (this.#running.length > 0) {
      this.#running.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function cli({ run }: Commands): RbdCli {
  const userKey = Secret.fromText('AAAA');
  return new RbdCli(run, () => Promise.resolve({ monitors: ['10.0.0.1:6789'], userId: 'csi', userKey }));
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('R12: of fifty volumes at once few commands run at once, and all in the end', async () => {
  const commands = new Commands();
  const fifty = Array.from({ length: 50 }, () => cli(commands).resize(image, 2 ** 30));
  await turn();
  await commands.letAllGo();
  await Promise.all(fifty);
  expect([commands.most, commands.ended]).toEqual([6, 50]);
});

test('those that take hours leave room for the others', async () => {
  const [long, short] = [new Commands(), new Commands()];
  const flattened = Array.from({ length: 20 }, () => cli(long).flatten(image));
  const resized = cli(short).resize(image, 2 ** 30);
  await turn();
  await short.letAllGo();
  await resized;
  await long.letAllGo();
  await Promise.all(flattened);
  expect(long.most).toBe(4);
});
