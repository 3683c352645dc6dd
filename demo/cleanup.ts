/** Takes away whatever a demo that failed has left in the kernel. Touches only what lies over files of its own folder. */
import { run } from '../runtime/process/run';
import { nodeState } from './observe/node-state';
import type { Scene } from './scene';

/** @returns what could not be taken away, as text for people. */
export async function cleanUp(scene: Scene): Promise<readonly string[]> {
  const problems: string[] = [];
  const attempt = async (what: string, action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  await attempt('the driver', () => (scene.isRunning ? scene.killDriver() : Promise.resolve()));
  const { mounts, mappings, loops } = await nodeState(scene.root);
  for (const mount of mounts.toReversed()) await attempt(mount, () => run('umount', [mount]));
  for (const name of mappings) {
    await attempt(name, () => run('dmsetup', ['resume', name]));
    await attempt(name, () => run('cryptsetup', ['close', name]));
  }
  for (const { device } of loops) await attempt(device, () => run('losetup', ['--detach', device]));
  for (const { dek } of scene.keys) dek.zero();
  return problems;
}
