/** A real manager for the Ceph of a test: it gathers how full pools are and so makes capacity and quotas work. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireTool } from '../../tools/ensure';
import type { Ceph } from './ceph';
import { ServerProcess } from './server-process';

/** Resolves when the cluster knows the figures of all its pools. The caller stops the manager, before the Ceph. */
export async function startCephManager(ceph: Ceph): Promise<ServerProcess> {
  const manager = new ServerProcess('ceph-mgr');
  const { folder } = manager;
  const keyring = join(folder, 'keyring');
  const modules = join(folder, 'modules');
  writeFileSync(keyring, await ceph.createManager('a'), { mode: 0o600 });
  // None of its Python: the figures are gathered without, in a tenth of time and memory.
  mkdirSync(modules);
  try {
    await manager.start({
      command: requireTool('ceph-mgr'),
      args: [
        ...['-f', '-i', 'a', '-c', ceph.configFile, '--keyring', keyring],
        ...[`--mgr-data=${folder}`, `--mgr-module-path=${modules}`, '--admin-socket='],
        ...['--mgr-stats-period=1', '--mgr-tick-period=1', '--log-to-stderr=true'],
      ],
      isHealthy: async () => JSON.parse(await ceph.ceph(['mgr', 'stat', '-f', 'json'])).available,
      healthDeadlineMs: 180_000,
    });
    const pools: readonly string[] = JSON.parse(await ceph.ceph(['osd', 'pool', 'ls', '-f', 'json']));
    while ((await knownPools(ceph)) < pools.length) await sleep(200);
    return manager;
  } catch (error) {
    await manager.stop();
    throw error;
  }
}

async function knownPools(ceph: Ceph): Promise<number> {
  const { pools }: { pools: readonly unknown[] } = JSON.parse(await ceph.ceph(['df', '-f', 'json']));
  return pools.length;
}
