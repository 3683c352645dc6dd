/** Claims, volumes and snapshots in a real API server: made, and waited for. What does not come is shown with its events and the logs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CsiCluster } from './csi-cluster';
import type { JsonResponse } from './http-json';

type Body = JsonResponse['body'];

export interface ClaimOptions {
  readonly name: string;
  readonly storageClass: string;
  readonly sizeBytes: number;
  /** What the volume begins with. @default nothing */
  readonly source?: { readonly kind: 'VolumeSnapshot' | 'PersistentVolumeClaim'; readonly name: string };
  /** Where the scheduler would put the pod; a class that waits for its first consumer needs it. */
  readonly selectedNode?: string;
}

export interface BoundVolume {
  readonly pvName: string;
  readonly volumeHandle: string;
  /** As Kubernetes writes it: `32Mi`. */
  readonly capacity: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const limitMs = 240_000;
const pollMs = 200;
const snapshotGroup = '/apis/snapshot.storage.k8s.io/v1';

export class CsiObjects {
  readonly #cluster: CsiCluster;
  readonly #namespace: string;

  constructor(cluster: CsiCluster, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  async createClaim({ name, storageClass, sizeBytes, source, selectedNode }: ClaimOptions): Promise<void> {
    const group = source?.kind === 'VolumeSnapshot' ? { apiGroup: 'snapshot.storage.k8s.io' } : {};
    const annotations = selectedNode === undefined ? {} : { 'volume.kubernetes.io/selected-node': selectedNode };
    await this.#request('POST', this.#claims(), {
      metadata: { name, annotations },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: storageClass,
        resources: { requests: { storage: String(sizeBytes) } },
        ...(source && { dataSource: { ...source, ...group } }),
      },
    });
  }

  async growClaim(name: string, sizeBytes: number): Promise<void> {
    const patch = { spec: { resources: { requests: { storage: String(sizeBytes) } } } };
    await this.#cluster.kubernetes.expectOk('PATCH', this.#claims(name), patch, {
      contentType: 'application/merge-patch+json',
    });
  }

  async deleteClaim(name: string): Promise<void> {
    await this.#request('DELETE', this.#claims(name));
  }

  async createSnapshot(
    name: string,
    options: { readonly snapshotClass: string; readonly claim: string },
  ): Promise<void> {
    await this.#request('POST', this.#snapshots(), {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshot',
      metadata: { name },
      spec: {
        volumeSnapshotClassName: options.snapshotClass,
        source: { persistentVolumeClaimName: options.claim },
      },
    });
  }

  async deleteSnapshot(name: string): Promise<void> {
    await this.#request('DELETE', this.#snapshots(name));
  }

  async untilBound(claim: string): Promise<BoundVolume> {
    const { spec } = await this.#until(`the claim ${claim} is not bound`, this.#claims(claim), ({ status }) => {
      return status.phase === 'Bound';
    });
    const { body: volume } = await this.#request('GET', this.#volumes(spec.volumeName));
    return {
      pvName: spec.volumeName,
      volumeHandle: volume.spec.csi.volumeHandle,
      capacity: volume.spec.capacity.storage,
      attributes: volume.spec.csi.volumeAttributes,
    };
  }

  /** The controller's half of an expansion: the volume has grown, and its node is asked to let the file system follow. */
  async untilNodeExpansionPending(claim: string): Promise<void> {
    await this.#until(`the claim ${claim} does not wait for its node`, this.#claims(claim), ({ status }) =>
      (status.conditions ?? []).some((each: Body) => each.type === 'FileSystemResizePending' && each.status === 'True'),
    );
  }

  /** @returns handle of the snapshot */
  async untilReady(snapshot: string): Promise<string> {
    const { status } = await this.#until(
      `the snapshot ${snapshot} is not ready`,
      this.#snapshots(snapshot),
      (found) => {
        return found.status?.readyToUse === true;
      },
    );
    const { body } = await this.#request(
      'GET',
      `${snapshotGroup}/volumesnapshotcontents/${status.boundVolumeSnapshotContentName}`,
    );
    return body.status.snapshotHandle;
  }

  async untilSnapshotsGone(): Promise<void> {
    await this.#untilEmpty(`${snapshotGroup}/volumesnapshotcontents`);
  }

  /** Deletes every claim and every snapshot of the namespace, and waits until nothing of any namespace is left. */
  async deleteAll(): Promise<void> {
    await this.#request('DELETE', this.#snapshots());
    await this.#request('DELETE', this.#claims());
    await this.untilSnapshotsGone();
    // A snapshot outlives its content by the time that the controller takes to see it go.
    await this.#untilEmpty(this.#snapshots());
    await this.#untilEmpty('/api/v1/persistentvolumes');
    await this.#untilEmpty(this.#claims());
  }

  async untilVolumeGone(pvName: string): Promise<void> {
    await this.#until(
      `the volume ${pvName} is still there`,
      this.#volumes(pvName),
      (_, httpStatus) => httpStatus === 404,
    );
  }

  /** An event of a claim whose message fits. @returns its message */
  async untilEvent(claim: string, pattern: RegExp): Promise<string> {
    const found = () => this.events(claim).then((all) => all.find((message) => pattern.test(message)));
    return this.#poll(`the claim ${claim} has no event like ${pattern}`, this.#claims(claim), found);
  }

  /** An answer of the API server to GET that fits. */
  untilFound(path: string, fits: (body: Body) => boolean): Promise<Body> {
    return this.#until(`${path} is not as it should be`, path, fits);
  }

  /** Messages of the events of an object, as `REASON: MESSAGE`. */
  async events(name?: string): Promise<readonly string[]> {
    const { body } = await this.#request('GET', `/api/v1/namespaces/${this.#namespace}/events`);
    const items: readonly Body[] = body.items;
    return items
      .filter(({ involvedObject }) => name === undefined || involvedObject.name === name)
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  async #untilEmpty(path: string): Promise<void> {
    await this.#until(`${path} is not empty`, path, ({ items }) => items.length === 0);
  }

  #until(what: string, path: string, isReached: (body: Body, httpStatus: number) => boolean): Promise<Body> {
    return this.#poll(what, path, async () => {
      const { status, body } = await this.#cluster.kubernetes.request('GET', path);
      return isReached(body, status) ? body : undefined;
    });
  }

  async #poll<T>(what: string, path: string, look: () => Promise<T | undefined>): Promise<T> {
    const until = Date.now() + limitMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > until) throw new Error(await this.#describe(what, path));
      await sleep(pollMs);
    }
  }

  async #describe(what: string, path: string): Promise<string> {
    const { body } = await this.#cluster.kubernetes.request('GET', path);
    const { managedFields: _, ...metadata } = body?.metadata ?? {};
    return [
      `${what} after ${limitMs / 1000} s. It is ${JSON.stringify({ ...body, metadata })}`,
      ...['--- events', ...(await this.events())],
      this.#cluster.logTails(),
    ].join('\n');
  }

  #request(method: string, path: string, body?: unknown): Promise<JsonResponse> {
    return this.#cluster.kubernetes.expectOk(method, path, body);
  }

  #claims(name = ''): string {
    return `/api/v1/namespaces/${this.#namespace}/persistentvolumeclaims/${name}`;
  }

  #volumes(name: string): string {
    return `/api/v1/persistentvolumes/${name}`;
  }

  #snapshots(name = ''): string {
    return `${snapshotGroup}/namespaces/${this.#namespace}/volumesnapshots/${name}`;
  }
}
