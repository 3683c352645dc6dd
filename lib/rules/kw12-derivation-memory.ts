// Trap 12: key derivations at once need more memory than the container may have, and the kernel kills it in the middle.
import { defaultArgon2id } from '../schema/luks-parameters';
import { driverOwnMebibytes } from './driver-memory';
import type { Cluster } from './read/cluster';
import { bytesOf } from './read/quantity';
import type { ClassView } from './read/storage-class';
import { at, textOf } from './read/values';
import { type Container, flagOf, mountsConfigMap, type Workload } from './read/workloads';
import type { Fault, Rule } from './rule';

const mebibyte = 2 ** 20;
/** ceph-csi gives every derivation this much, whatever the class says. */
const cephCsiDerivation = 32 * mebibyte;
/** ceph-csi does not bound how many volumes a node opens at once; a node that comes back opens at least these. */
const cephCsiParallel = 8;
/** What the node plugin of ceph-csi takes beside. */
const cephCsiOwn = 128 * mebibyte;

/** The rule. */
export const derivationMemory: Rule = {
  id: 'KW12',
  slug: 'derivation-memory',
  title: 'Key derivations need more memory than the container may have',
  severity: 'error',
  why: 'argon2id takes its memory for each open. After a restart of a node all its volumes open at once; above the limit the kernel kills the driver in the middle of an open, again and again.',
  evidence: { known: 'reported', where: 'ceph-csi#3781 #3472, longhorn#10049' },
  remedy: 'Use pbkdf2, which is sound for random keys, or raise the memory limit, or lower the opens at once',
  checks: [
    'keyward: memory of a derivation × `cryptsetup.parallel` + what the driver takes fits into the limit of its container',
    'ceph-csi: 32 MiB × 8 opens at once + 128 MiB fit into the limit of the node plugin, where a class of the set is encrypted',
  ],
  *check(cluster) {
    for (const view of cluster.classes()) {
      if (view.driver === 'keyward') yield* keywardFaults(view, cluster);
    }
    if (!cluster.classes().some(({ driver, isEncrypted }) => driver === 'ceph-csi-rbd' && isEncrypted)) return;
    for (const { object, containers } of cluster.workloads()) {
      for (const container of containers) {
        if (flagOf(container, 'type') !== 'rbd' || flagOf(container, 'nodeserver') !== 'true') continue;
        yield* shortage(container, object, cephCsiOwn + cephCsiDerivation * cephCsiParallel);
      }
    }
  },
};

function* keywardFaults({ object, provisioner, parameters }: ClassView, cluster: Cluster): Generator<Fault> {
  if (at(parameters, 'encryptionPbkdf') !== 'argon2id') return;
  const written = Number(textOf(at(parameters, 'encryptionPbkdfMemoryKiB')) ?? defaultArgon2id.pbkdfMemoryKiB);
  if (!Number.isFinite(written)) return;
  for (const { object: map, config } of cluster.driverConfigs()) {
    if (config.driverName !== provisioner) continue;
    for (const workload of cluster.workloads()) {
      const limit = mountsConfigMap(workload, map.name) ? limitOf(workload) : undefined;
      const needed = driverOwnMebibytes * mebibyte + written * 1024 * config.cryptsetup.parallel;
      if (limit === undefined || needed <= limit) continue;
      const got = `${written} KiB, ${config.cryptsetup.parallel} at once, limit ${mebibytes(limit)} MiB`;
      yield {
        object,
        path: 'parameters.encryptionPbkdfMemoryKiB',
        message: `does not fit into the memory limit of ${workload.object.label}`,
        got,
        allowed: `a limit of ${mebibytes(needed)} MiB`,
      };
    }
  }
}

/** Limit of the container that runs the driver. */
function limitOf({ containers }: Workload): number | undefined {
  const driver = containers.find(({ words }) => words.includes('csi')) ?? containers[0];
  return driver && bytesOf(at(driver.fields, 'resources', 'limits', 'memory'));
}

function* shortage(container: Container, object: Workload['object'], needed: number): Generator<Fault> {
  const limit = bytesOf(at(container.fields, 'resources', 'limits', 'memory'));
  if (limit === undefined || needed <= limit) return;
  const path = `${container.path}.resources.limits.memory`;
  yield {
    object,
    path,
    message: 'is too little for the key derivations of a node that opens its volumes',
    got: `${mebibytes(limit)} MiB`,
    allowed: `${mebibytes(needed)} MiB`,
    remedy: 'Raise the memory limit',
  };
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / mebibyte);
}
