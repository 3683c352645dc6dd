/**
 * Back ends in Ceph clusters, one for each request: the cluster comes from the class or from the volume id, the user from the
 * call. Connections outlive the calls; keys do not.
 */
import type { RbdBackendConfig } from '../../../lib/schema/rbd-backend-config';
import { decodeRbdMapping, decodeRbdParameters, type RbdParameters } from '../../../lib/schema/rbd-parameters';
import { SchemaError } from '../../../lib/schema/schema-error';
import { Serial } from '../../async/serial';
import { CodedError } from '../../errors';
import type { Log } from '../../log';
import type { KernelCalls } from '../../process/kernel-thread';
import type { Run } from '../../process/run';
import type { SecretReader } from '../../secret-reader';
import type { BackEnd } from '../back-end';
import type { BackEnds, ForClass, StorageAccess } from '../back-ends';
import { ClusterSession } from './cluster-session';
import { ClustersFile } from './clusters';
import { cephUser } from './credentials';
import { Flattening } from './flattening';
import { decodeId } from './ids';
import { nothingHere } from './nothing-here';
import { RadosConnections } from './rados/connections';
import { type RbdBackEndParts, rbdBackEnd } from './rbd-back-end';

export interface RbdBackEndsParts {
  readonly run: Run;
  /** For mapping without a command. */
  readonly kernel?: KernelCalls;
  /** For the credentials that the configuration names. */
  readonly secrets: SecretReader;
  readonly log: Log;
}

export class RbdBackEnds implements BackEnds {
  readonly reach = 'cluster';
  readonly servesLists: boolean;
  readonly #config: RbdBackendConfig;
  readonly #parts: RbdBackEndsParts;
  readonly #clusters: ClustersFile;
  readonly #connections = new RadosConnections();
  readonly #flattening: Flattening;
  readonly #attaching = new Serial();

  constructor(config: RbdBackendConfig, parts: RbdBackEndsParts) {
    this.#config = config;
    this.#parts = parts;
    this.#clusters = new ClustersFile(config.clustersFile);
    this.#flattening = new Flattening(parts.log);
    this.servesLists = Boolean(config.credentials?.length && config.pools?.length);
  }

  async forClass(given: Readonly<Record<string, string>>, access: StorageAccess): Promise<ForClass> {
    const { rbd, others } = decoded(() => decodeRbdParameters(given));
    await this.#requireNamespace(rbd);
    const backEnd = this.#open(rbd.clusterId, access, { forClass: { parameters: rbd, given } });
    return { backEnd, otherParameters: others };
  }

  async forId(id: string, access: StorageAccess): Promise<BackEnd> {
    const parts = decodeId(id);
    return parts ? this.#open(parts.clusterId, access, { poolId: parts.poolId }) : nothingHere;
  }

  /** @throws CodedError CONFIG_INVALID without pools: an empty list would pass for the truth. */
  async all(access: StorageAccess): Promise<readonly BackEnd[]> {
    const clusterIds = new Set(this.#config.pools?.map(({ clusterId }) => clusterId));
    if (clusterIds.size === 0)
      throw new CodedError('CONFIG_INVALID', 'backend.pools is empty, so volumes cannot be listed', {
        remedy: 'Name the pools in backend.pools of the driver, and the user of Ceph in backend.credentials.',
      });
    return [...clusterIds].map((clusterId) => this.#open(clusterId, access));
  }

  /** A cluster that is down keeps nobody from the others: only the file of clusters must be there. */
  async requireReady(): Promise<void> {
    await this.#clusters.all();
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #open(clusterId: string, access: StorageAccess, of: Pick<RbdBackEndParts, 'forClass' | 'poolId'> = {}): BackEnd {
    const { credentials, pools = [] } = this.#config;
    const session = new ClusterSession({
      clusterId,
      cluster: () => this.#clusters.cluster(clusterId),
      user: () => cephUser(access, clusterId, credentials, this.#parts.secrets),
      connections: this.#connections,
      listedPools: pools.filter((each) => each.clusterId === clusterId).map(({ pool }) => pool),
    });
    const { run, kernel } = this.#parts;
    const mapping = decoded(() => decodeRbdMapping(access.context ?? of.forClass?.given ?? {}));
    return rbdBackEnd({
      session,
      config: this.#config,
      run,
      ...(kernel && { kernel }),
      flattening: this.#flattening,
      attaching: this.#attaching,
      mapping,
      ...of,
    });
  }

  /** The namespace is not part of the ids, so it can only be the cluster's. */
  async #requireNamespace({ clusterId, radosNamespace }: RbdParameters): Promise<void> {
    const { rbd } = await this.#clusters.cluster(clusterId);
    if (radosNamespace === undefined || radosNamespace === rbd?.radosNamespace) return;
    throw new CodedError(
      'REQUEST_INVALID',
      `radosNamespace is ${JSON.stringify(radosNamespace)}, and the entry of cluster ${clusterId} has ${JSON.stringify(rbd?.radosNamespace ?? '')}`,
      { remedy: 'Write it as rbd.radosNamespace into the entry of the cluster, one entry for each namespace.' },
    );
  }
}

/** An error of the schema names the key. @throws CodedError REQUEST_INVALID. */
function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    throw new CodedError('REQUEST_INVALID', cause.message, {
      remedy: 'Mend the parameters of the StorageClass, or the attributes of the volume.',
      cause,
    });
  }
}
