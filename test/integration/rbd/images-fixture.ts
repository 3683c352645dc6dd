/** Images on a real Ceph, without the journal: the name of an image is made of the UUID in its id. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Serial } from '../../../runtime/async/serial';
import type { ImageRef } from '../../../runtime/device/back-end';
import { RbdDevices } from '../../../runtime/device/rbd/devices';
import { Flattening } from '../../../runtime/device/rbd/flattening';
import { decodeId, encodeId } from '../../../runtime/device/rbd/ids';
import type { ImageSpec } from '../../../runtime/device/rbd/image-spec';
import { RbdImages } from '../../../runtime/device/rbd/images';
import { notFound } from '../../../runtime/device/rbd/locate';
import { clusterPools, type Pools } from '../../../runtime/device/rbd/pools';
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import { RbdCli, type RbdCliOptions } from '../../../runtime/device/rbd/rbd-cli';
import {
  defaultLimits,
  defaultMapping,
  type RbdImageOptions,
  type RbdLimits,
  type RbdMappingOptions,
} from '../../../runtime/device/rbd/rbd-options';
import { silentLog } from '../../../runtime/log';
import { type Run, run } from '../../../runtime/process/run';
import { Secret } from '../../../runtime/secret';
import { findCommand } from '../../../tools/find-command';
import type { Ceph } from '../../harness/ceph';

export interface FixtureOptions {
  readonly namespace?: string;
  readonly options?: RbdImageOptions;
  readonly limits?: Partial<RbdLimits>;
  readonly mapping?: Partial<RbdMappingOptions>;
  readonly cli?: RbdCliOptions;
  readonly run?: Run;
  /** In place of the fixture's own user. */
  readonly userKey?: Secret;
}

export class ImagesFixture {
  readonly ceph: Ceph;
  readonly cluster: RadosCluster;
  readonly #poolId: number;
  readonly #userKey: Secret;

  private constructor(ceph: Ceph, cluster: RadosCluster, poolId: number, userKey: Secret) {
    this.ceph = ceph;
    this.cluster = cluster;
    this.#poolId = poolId;
    this.#userKey = userKey;
  }

  /** Makes the pool `kube` and the user `csi`. */
  static async start(ceph: Ceph): Promise<ImagesFixture> {
    const poolId = await ceph.createPool('kube');
    const userKey = Secret.fromText(await ceph.createUser('csi'));
    const cluster = await RadosCluster.connect({ monitors: ceph.monitors, userId: 'csi', userKey });
    return new ImagesFixture(ceph, cluster, poolId, userKey);
  }

  newRef(kind: ImageRef['kind'] = 'volume', poolId = this.#poolId): ImageRef {
    return { kind, id: encodeId({ clusterId: 'test', poolId, uuid: randomUUID() }) };
  }

  /** Everything of one request. */
  open({
    namespace = '',
    options,
    limits,
    mapping,
    cli: cliOptions,
    run: runTool = run,
    userKey,
  }: FixtureOptions = {}) {
    const pools: Pools = clusterPools({ cluster: this.cluster, namespace });
    const access = { monitors: this.ceph.monitors, userId: 'csi', userKey: userKey ?? this.#userKey };
    const cli = new RbdCli(runTool, () => Promise.resolve(access), cliOptions);
    const locate = async (ref: ImageRef): Promise<ImageSpec> => {
      const parts = decodeId(ref.id);
      const pool = parts && (await pools.byId(parts.poolId));
      if (!pool) throw notFound(ref);
      return { pool: pool.name, namespace, image: nameOf(ref) };
    };
    const flattening = new Flattening(silentLog);
    const devices = new RbdDevices({
      run: runTool,
      cli,
      pools,
      locate,
      options: { ...defaultMapping, ...mapping },
      attaching: new Serial(),
    });
    const images = new RbdImages({
      cli,
      pools,
      flattening,
      locate,
      devices,
      limits: { ...defaultLimits, ...limits },
      ...(options && { options }),
    });
    return { cli, pools, flattening, devices, images };
  }

  async stop(): Promise<void> {
    await this.cluster.close();
  }
}

export function nameOf({ kind, id }: ImageRef): string {
  return `csi-${kind === 'volume' ? 'vol' : 'snap'}-${decodeId(id)?.uuid}`;
}

/** Keeps the image open, as a node that has it mapped does, until it is disposed of. */
export function watch(ceph: Ceph, spec: string): Promise<AsyncDisposable> {
  return hold(ceph, 'rbd', ['watch', spec]);
}

/** The same by the object in which an image has its header, for one that is in the trash. */
export function watchObject(ceph: Ceph, pool: string, object: string): Promise<AsyncDisposable> {
  return hold(ceph, 'rados', ['-p', pool, 'watch', object]);
}

async function hold(ceph: Ceph, command: 'rbd' | 'rados', args: readonly string[]): Promise<AsyncDisposable> {
  const child = spawn(findCommand(command) ?? command, ['-c', ceph.configFile, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // It says so when it has registered.
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
