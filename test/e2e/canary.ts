/** Looks for keys where none may be: everything that a cluster in a box writes, and what its processes were started with. */
import { findIn, findInFiles, type Needle } from '../harness/secret-scan';
import type { StorageScene } from './storage-scene';

/**
 * Where the needles are found: in the files of etcd, OpenBao and the node (its disk among them), in all logs, in arguments and
 * environments of the node's processes.
 * @param present an argument of a process of the node, without which nothing was looked at. @throws Error then
 */
export async function findKeys(
  scene: StorageScene,
  needles: readonly Needle[],
  present: string,
): Promise<readonly string[]> {
  await scene.onNode('sync');
  const processes = await scene.onNode('sh', '-c', 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ');
  if (!processes.includes(present)) throw new Error(`no process of the node has the argument ${present}`);
  const inProcesses = findIn(processes, needles).map((found) => `a process: ${found}`);
  return [...findInFiles(scene.cluster.status.folder, needles), ...inProcesses];
}
