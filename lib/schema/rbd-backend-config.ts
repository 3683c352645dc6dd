// The part of `config.json` that says how images of Ceph clusters are reached. Monitors and keys are not in it: the clusters
// have a file of their own, in ceph-csi's form, and the keys come with each call or in mounted Secrets.
import * as z from 'zod';
import { absoluteFile } from './absolute-path';
import { clusterId, filled } from './ceph-names';
import { configFileName, labelName, mountPaths, objectName } from './names';
import type { Same, WithDefaults } from './written-type';
import type { IssueParams } from './zod-issues';

/** A back end of RBD images in Ceph clusters, which every node reaches. */
export interface RbdBackendConfig {
  /** The type of the back end. */
  readonly type: 'rbd';
  /**
   * The clusters: ceph-csi's own `config.json`, read anew when it changes.
   * @default /etc/ceph-csi-config/config.json
   */
  readonly clustersFile: string;
  /**
   * Which drivers share one list of volumes in a pool. That of a ceph-csi whose volumes are to be served.
   * @default default
   */
  readonly instanceId: string;
  /**
   * Whether the names of claim, volume and snapshot are written to the metadata of the image.
   * @default true
   */
  readonly setMetadata: boolean;
  /**
   * Name of the Kubernetes cluster, for the metadata of the image.
   * @default - not written
   */
  readonly clusterName?: string;
  /**
   * Ceph users for the calls to which CSI gives no Secret: lists, capacity, and what a node does when the request brings none.
   * @default - none, so those calls are refused or not offered
   */
  readonly credentials?: readonly RbdCredentials[];
  /**
   * The pools whose volumes are listed.
   * @default - none, so volumes are not listed
   */
  readonly pools?: readonly RbdPool[];
  /**
   * When a copy is made independent of what it was copied from.
   * @default - the defaults of its fields, which are those of ceph-csi
   */
  readonly flatten: RbdFlattenConfig;
  /**
   * Deadline of mapping one image, 1 to 3600 seconds.
   * @default 150
   */
  readonly mapTimeoutSeconds: number;
}

/** The Ceph user of a cluster: a Secret with `userID` and `userKey`, mounted by the driver construct. */
export interface RbdCredentials {
  /** The cluster: an id of the clusters' file. */
  readonly clusterId: string;
  /** The Secret, of the driver's own namespace. */
  readonly secret: {
    /** Namespace of the Secret. */
    readonly namespace: string;
    /** Name of the Secret. */
    readonly name: string;
  };
}

/** A pool of a cluster. */
export interface RbdPool {
  /** The cluster: an id of the clusters' file. */
  readonly clusterId: string;
  /** Name of the pool. */
  readonly pool: string;
}

/** Bounds on chains of copies and on snapshots. The kernel maps no chain above 16 and no image with more than 510 snapshots. */
export interface RbdFlattenConfig {
  /**
   * From this length of the chain on, flattening is started and the request goes on.
   * @default 4
   */
  readonly softDepth: number;
  /**
   * From this length on, a request waits until the chain is shorter.
   * @default 8
   */
  readonly hardDepth: number;
  /**
   * From this many snapshots of an image on, copies of them are flattened.
   * @default 250
   */
  readonly snapshotsToFlatten: number;
  /**
   * With this many, no further snapshot is made until some are gone.
   * @default 450
   */
  readonly snapshotsAtMost: number;
}

type Defaulted = 'clustersFile' | 'instanceId' | 'setMetadata' | 'mapTimeoutSeconds';

/** The same as a declaration writes it: what has a default may be left out. */
export interface RbdBackendConfigProps extends WithDefaults<Omit<RbdBackendConfig, 'flatten'>, Defaulted> {
  /**
   * When a copy is made independent of what it was copied from.
   * @default - chains of 4 are shortened, of 8 waited for; from 250 snapshots on they are thinned, 450 are the most
   */
  readonly flatten?: WithDefaults<RbdFlattenConfig> | undefined;
}

const flatten = z
  .strictObject({
    softDepth: z.int().min(1).max(15).describe('length of a chain of copies that starts flattening').prefault(4),
    hardDepth: z.int().min(1).max(15).describe('length of a chain of copies that is waited for').prefault(8),
    snapshotsToFlatten: z.int().min(1).max(510).describe('snapshots from which copies are flattened').prefault(250),
    snapshotsAtMost: z.int().min(1).max(510).describe('most snapshots of an image').prefault(450),
  })
  .refine(({ softDepth, hardDepth }) => softDepth <= hardDepth, {
    error: 'is above hardDepth',
    path: ['softDepth'],
    params: {
      remedy: 'flattening must start before requests wait for it: lower it, or raise hardDepth',
    } satisfies IssueParams,
  })
  .refine(({ snapshotsToFlatten, snapshotsAtMost }) => snapshotsToFlatten <= snapshotsAtMost, {
    error: 'is above snapshotsAtMost',
    path: ['snapshotsToFlatten'],
    params: { remedy: 'lower it, or raise snapshotsAtMost' } satisfies IssueParams,
  })
  .prefault({});

/** The schema. */
export const rbdBackendConfig = z.strictObject({
  type: z.literal('rbd'),
  clustersFile: absoluteFile
    .describe("the clusters, in the form of ceph-csi's config.json")
    .prefault(`${mountPaths.cephClusters}/${configFileName}`),
  instanceId: z
    .string()
    .regex(/^[-._a-zA-Z0-9]{1,64}$/, { error: 'is not an instance id: letters, digits, "-", "_" and "."' })
    .describe('which drivers share one list of volumes; ceph-csi has "default"')
    .prefault('default'),
  setMetadata: z.boolean().describe('whether claims are named in the metadata of images').prefault(true),
  clusterName: filled('the name of the Kubernetes cluster').exactOptional(),
  credentials: z
    .array(z.strictObject({ clusterId, secret: z.strictObject({ namespace: labelName, name: objectName }) }))
    .refine((list) => new Set(list.map((one) => one.clusterId)).size === list.length, {
      error: 'name a cluster twice',
      params: { remedy: 'leave one Secret for each cluster' } satisfies IssueParams,
    })
    .exactOptional(),
  pools: z.array(z.strictObject({ clusterId, pool: filled('the name of the pool') })).exactOptional(),
  flatten,
  mapTimeoutSeconds: z.int().min(1).max(3600).describe('deadline of mapping one image').prefault(150),
});

true satisfies Same<RbdBackendConfig, z.output<typeof rbdBackendConfig>>;
true satisfies Same<RbdBackendConfigProps, z.input<typeof rbdBackendConfig>>;
