// ceph-csi's `config.json`: the clusters that a driver reaches, a JSON array (ceph-csi v3.17). ceph-csi, its operator and Rook
// write more into it than the RBD driver reads, and newer ones more still: what is not known here is kept as it stands.
import * as z from 'zod';
import { clusterId } from './ceph-names';
import { decodeWith, formatJson, parseJson } from './decode';
import type { Same } from './written-type';
import type { IssueParams } from './zod-issues';

/** One cluster. */
export interface CephCluster {
  /** Id of the cluster, as classes and volume ids name it. */
  readonly clusterID: string;
  /** Addresses of the monitors, e.g. `10.0.0.11:6789` or `[v2:10.0.0.11:3300,v1:10.0.0.11:6789]`. */
  readonly monitors: readonly string[];
  /**
   * What concerns images.
   * @default - no RADOS namespace, the network of the driver
   */
  readonly rbd?: CephClusterRbd;
  /**
   * Whether reads go to the nearest copy.
   * @default - to the primary
   */
  readonly readAffinity?: CephReadAffinity;
  /** What other drivers read: `cephFS`, `nfs` and whatever comes. */
  readonly [other: string]: unknown;
}

/** What concerns images. */
export interface CephClusterRbd {
  /**
   * RADOS namespace of the images in every pool.
   * @default - that without a name
   */
  readonly radosNamespace?: string;
  /**
   * File of the network namespace in which the cluster is reached.
   * @default - that of the driver
   */
  readonly netNamespaceFilePath?: string;
  /**
   * Mirror daemons of the cluster.
   * @default 1
   */
  readonly mirrorDaemonCount?: number;
  /** Whatever comes. */
  readonly [other: string]: unknown;
}

/** Reads from the nearest copy. */
export interface CephReadAffinity {
  /** Whether it is on. */
  readonly enabled?: boolean;
  /** Labels of the node that say where it is in the CRUSH map. */
  readonly crushLocationLabels?: readonly string[];
  /** Whatever comes. */
  readonly [other: string]: unknown;
}

const monitor = z.string().refine((text) => /^[^\s"'\\]+$/.test(text), {
  error: 'is not the address of a monitor',
  params: { remedy: 'write host:port, e.g. "10.0.0.11:6789"' } satisfies IssueParams,
});

const cluster = z.looseObject({
  clusterID: z.string().min(1),
  monitors: z.array(monitor),
  rbd: z
    .looseObject({
      radosNamespace: z.string().exactOptional(),
      netNamespaceFilePath: z.string().exactOptional(),
      mirrorDaemonCount: z.int().nonnegative().exactOptional(),
    })
    .exactOptional(),
  readAffinity: z
    .looseObject({
      enabled: z.boolean().exactOptional(),
      crushLocationLabels: z.array(z.string()).exactOptional(),
    })
    .exactOptional(),
});

const clusters = z.array(cluster);

true satisfies Same<readonly CephCluster[], z.output<typeof clusters>>;

// A declaration is held to more than what other programs wrote: ceph-csi would take the first of two entries, and wait for
// ever where no monitor is named.
const declaredClusters = z
  .array(cluster.extend({ clusterID: clusterId, monitors: z.array(monitor).min(1, { error: 'names no monitor' }) }))
  .refine((list) => new Set(list.map(({ clusterID }) => clusterID)).size === list.length, {
    error: 'has a clusterID twice',
    params: { remedy: 'leave one entry for each cluster, or each RADOS namespace of it' } satisfies IssueParams,
  });

const subject = 'the Ceph clusters';

/** Reads the text of the file. Throws a SchemaError. */
export function decodeCephClusters(text: string): readonly CephCluster[] {
  return decodeWith(clusters, withoutNulls(parseJson(text, subject)), subject) as readonly CephCluster[];
}

/** Writes the text of the file. Throws a SchemaError for clusters that no volume could be made in. */
export function encodeCephClusters(list: readonly CephCluster[]): string {
  return formatJson(decodeWith(declaredClusters, list, subject));
}

/** Go reads `null` as a missing key, and Rook writes it for empty lists. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== null);
  return Object.fromEntries(entries.map(([key, part]) => [key, withoutNulls(part)]));
}
