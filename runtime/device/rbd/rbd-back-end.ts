/** The back end of one cluster for one call, put together. */
import type { RbdBackendConfig } from '../../../lib/schema/rbd-backend-config';
import type { RbdMapping, RbdParameters } from '../../../lib/schema/rbd-parameters';
import type { Serial } from '../../async/serial';
import type { KernelCalls } from '../../process/kernel-thread';
import type { Run } from '../../process/run';
import type { BackEnd, ImageRef } from '../back-end';
import { snapshotRecordSchema, volumeRecordSchema } from '../record-schema';
import { poolCapacity, roomiestPoolCapacity } from './capacity';
import type { ClusterSession } from './cluster-session';
import { RbdDevices } from './devices';
import type { Flattening } from './flattening';
import { RbdImages } from './images';
import { withKeyLock } from './key-lock';
import { addressOf, locateImage, notFound } from './locate';
import { RbdCli } from './rbd-cli';
import { defaultMapping } from './rbd-options';
import { RbdRecords } from './records';

/** What a class says of new volumes. */
export interface RbdClass {
  readonly parameters: RbdParameters;
  /** As text, for the attributes of the volume. */
  readonly given: Readonly<Record<string, string>>;
}

export interface RbdBackEndParts {
  readonly session: ClusterSession;
  readonly config: RbdBackendConfig;
  readonly run: Run;
  readonly kernel?: KernelCalls;
  readonly flattening: Flattening;
  /** One mapping of an image at a time in this process. */
  readonly attaching: Serial;
  readonly mapping: RbdMapping;
  readonly forClass?: RbdClass;
  /** That of the volume which the call names: as with ceph-csi its snapshots are made there. */
  readonly poolId?: number;
}

export function rbdBackEnd({
  session,
  config,
  run,
  kernel,
  flattening,
  attaching,
  mapping,
  forClass,
  poolId,
}: RbdBackEndParts): BackEnd {
  const { clusterId, pools } = session;
  const journal = { clusterId, pools };
  const locate = async (image: ImageRef) => locateImage(journal, await session.namespace(), image);
  const cli = new RbdCli(run, () => session.access(), kernel && { kernel });
  const devices = new RbdDevices({
    run,
    cli,
    pools,
    locate,
    attaching,
    options: { ...defaultMapping, ...mapping, mapTimeoutMs: config.mapTimeoutSeconds * 1000 },
  });
  const options = forClass?.parameters;
  const records = {
    ...journal,
    instanceId: config.instanceId,
    ...(poolId !== undefined && { pool: poolId }),
    ...(options && { pool: options.pool }),
    ...(options?.volumeNamePrefix !== undefined && { imageNamePrefix: options.volumeNamePrefix }),
    ...(config.setMetadata && { labels: labelsOf(config, forClass) }),
  };
  return {
    reach: 'cluster',
    volumes: new RbdRecords({ ...records, kind: 'volume', schema: volumeRecordSchema }),
    snapshots: new RbdRecords({ ...records, kind: 'snapshot', schema: snapshotRecordSchema }),
    images: new RbdImages({
      cli,
      pools,
      locate,
      devices,
      flattening,
      limits: config.flatten,
      ...(options && { options }),
    }),
    devices,
    isElsewhere: () => false,
    exclusively: async (id, action) => {
      const address = await addressOf(journal, { kind: 'volume', id });
      if (!address) throw notFound({ kind: 'volume', id });
      return withKeyLock(address.pool.objects, address.uuid, id, action);
    },
    volumeContext: async (id) => {
      const { pool, image } = await locate({ kind: 'volume', id });
      const namespace = await session.namespace();
      const context = { ...attributes(forClass?.given ?? {}), pool, journalPool: pool, imageName: image };
      return namespace === '' ? context : { ...context, radosNamespace: namespace };
    },
    capacity: async () => {
      const cluster = await session.rados();
      if (options) return poolCapacity(cluster, options.pool, options.dataPool);
      const listed = await pools.all();
      return roomiestPoolCapacity(
        cluster,
        listed.map(({ name }) => name),
      );
    },
  };
}

/** As ceph-csi: every parameter but those that stay with the sidecars. */
function attributes(given: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter(([key]) => !key.startsWith('csi.storage.k8s.io/')));
}

/** Names of Kubernetes' objects, for people who look at the image. */
function labelsOf({ clusterName }: RbdBackendConfig, forClass: RbdClass | undefined): ReadonlyMap<string, string> {
  const names = Object.entries(forClass?.given ?? {}).filter(([key]) =>
    /^csi\.storage\.k8s\.io\/(?:pvc\/name|pvc\/namespace|pv\/name)$/.test(key),
  );
  return new Map([
    ...names,
    ...(clusterName === undefined ? [] : [['csi.ceph.com/cluster/name', clusterName] as const]),
  ]);
}
