/** stacks/gitops with volumes that are images of Ceph: what its values say then, and what is left in Ceph and on the node. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { namespace, type storage } from '../../stacks/gitops/values';
import type { ClusterBoxOptions } from '../harness/cluster-box';
import { leftInPool } from '../harness/rbd-facts';
import { GitopsScene } from './gitops-scene';
import { type ObjectRef, secret, startCluster } from './storage-scene';

/** With the user of Ceph, and the passphrase for the class that reads one of the request. */
const requestSecret = 'ceph-user';
const controllerLabel = 'app.kubernetes.io/name=keyward,app.kubernetes.io/component=controller';
const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
const trimLimitMs = 180_000;
const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

/** `leftInCeph` when there is no volume. */
export const nothingInCeph = { images: '', trash: '', objects: [] } as const;

/** `leftMapped` of a node without volumes. */
export const nothingMapped = { images: '', mappings: 'No devices found' } as const;

/** Of provisioner, resizer, snapshotter and attacher. */
interface Lease {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly holderIdentity?: string };
}

interface Attachment {
  readonly nodeName: string;
  readonly source: { readonly persistentVolumeName: string };
}

export class RbdScene extends GitopsScene {
  /** As that of the stack itself, with a Ceph beside the control plane. */
  static override async start(options: ClusterBoxOptions = {}): Promise<RbdScene> {
    const scene = new RbdScene(await startCluster({ ...options, ceph: true }));
    await scene.prepareByHand();
    return scene;
  }

  override async prepareByHand(): Promise<void> {
    await super.prepareByHand();
    const { user: userID, userKey } = this.cluster.ceph;
    const encryptionPassphrase = randomBytes(24).toString('hex');
    await this.cluster.apply([secret(requestSecret, { userID, userKey, encryptionPassphrase })], 'user');
  }

  /** Resolves when the controllers are ready too. */
  override async applyStack(): Promise<void> {
    await super.applyStack();
    await this.cluster.objects.untilFound(
      deployments,
      ({ items }) => items.length === 1 && items[0].status.readyReplicas === items[0].spec.replicas,
    );
  }

  protected override values(): typeof storage {
    const { fsid: clusterId, monitors, pool } = this.cluster.ceph;
    const { driver, classes, ...others } = super.values();
    return {
      ...others,
      driver: {
        ...driver,
        backend: {
          type: 'rbd',
          clusters: [{ clusterId, monitors }],
          // The commands for keys look volumes up in lists.
          ...{ credentials: [{ clusterId, secret: { name: requestSecret } }], pools: [{ clusterId, pool }] },
        },
        adminSecret: { name: requestSecret },
      },
      classes: classes.map((one) => ({ ...one, rbd: { clusterId, pool }, secrets: { name: requestSecret } })),
    };
  }

  controllerPods(): Promise<readonly string[]> {
    return this.cluster.objects.podNames(namespace, controllerLabel);
  }

  /** Which of the controllers' Pods leads each of their sidecars, by the name of its lease, once there is one for each. */
  async leaders(): Promise<Readonly<Record<string, string>>> {
    const pods = await this.controllerPods();
    const isLed = ({ spec }: Lease) => pods.includes(spec.holderIdentity ?? '');
    const found = await this.cluster.objects.untilFound(
      leases,
      ({ items }) => items.length === 4 && items.every(isLed),
    );
    const items: readonly Lease[] = found.items;
    return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.holderIdentity ?? '']));
  }

  async deleteController(name: string): Promise<void> {
    await this.cluster.objects.deletePod(namespace, name, 30);
  }

  /** Opens the image of a claim as another node would that has mapped it. `cluster.halt('other-node')` is the end of that node. */
  async openElsewhere(claimed: ObjectRef): Promise<void> {
    const { ceph } = this.cluster;
    const image = `${ceph.pool}/csi-vol-${(await this.boundVolume(claimed)).handle.slice(-36)}`;
    // It ends when its input does.
    const script = 'exec rbd -c "$0" watch "$1" < <(sleep infinity)';
    const args = ['-c', script, ceph.configFile, image];
    await this.cluster.startProgram({ name: 'other-node', command: 'bash', args });
    while (!(await ceph.rbd(['status', image])).includes('watcher='));
  }

  /** Resolves when the node has let the volume of a claim go. */
  async untilDetached(claimed: ObjectRef): Promise<void> {
    const { name } = await this.boundVolume(claimed);
    const isFree = ({ spec }: { readonly spec: Attachment }) => spec.source.persistentVolumeName !== name;
    await this.cluster.objects.untilFound(attachments, ({ items }) => items.every(isFree));
  }

  /** Which volumes are attached where, as Kubernetes has it, sorted. */
  async attached(): Promise<readonly string[]> {
    const { body } = await this.cluster.api.expectOk('GET', attachments);
    const items: readonly { spec: Attachment; status?: { attached: boolean } }[] = body.items;
    const attached = items.filter(({ status }) => status?.attached === true);
    return attached.map(({ spec }) => `${spec.source.persistentVolumeName} at ${spec.nodeName}`).sort();
  }

  /** Whether these bytes are anywhere in the store of Ceph, whose files are mostly holes: tar passes over them. */
  isStored(text: string): boolean {
    const script = 'tar --sparse -cf - -C "$0" . | grep -caF -- "$1"; echo $PIPESTATUS';
    const { stdout, stderr } = spawnSync('bash', ['-c', script, this.cluster.ceph.storeFolder, text], {
      encoding: 'utf8',
    });
    const [lines = '', tarStatus = ''] = stdout.split('\n');
    // With 1 it says that a file changed meanwhile.
    if (/^[01]$/.test(tarStatus)) return Number(lines) > 0;
    throw new Error(`the store of Ceph cannot be read: ${stderr}`);
  }

  /** Names of the pool that only volumes have: images, those that wait in the trash, objects and entries of the journal. */
  async leftInCeph(): Promise<{
    readonly images: string;
    readonly trash: string;
    readonly objects: readonly string[];
  }> {
    const { ceph } = this.cluster;
    const images = (await ceph.rbd(['ls', ceph.pool])).trim();
    const trash = (await ceph.rbd(['trash', 'ls', '--all', ceph.pool])).trim();
    return { images, trash, objects: await leftInPool(ceph) };
  }

  /**
   * The same at last: of an image that had a snapshot the OSD removes what was written over since when it gets to it, and lists
   * the names of those objects until then.
   */
  async leftInCephAtLast(): ReturnType<RbdScene['leftInCeph']> {
    const untilMs = Date.now() + trimLimitMs;
    for (;;) {
      const left = await this.leftInCeph();
      if (isDeepStrictEqual(left, nothingInCeph) || Date.now() > untilMs) return left;
      await sleep(1_000);
    }
  }

  /** Images that the kernel of the node has mapped, and what device-mapper has on them. */
  async leftMapped(): Promise<{ readonly images: string; readonly mappings: string }> {
    const images = await this.onNode('ls', '/sys/bus/rbd/devices');
    return { images, mappings: await this.onNode('dmsetup', 'ls') };
  }
}
