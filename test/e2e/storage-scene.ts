/** Encrypted storage on the cluster in a box, whoever declared it there: what tenants do, and what is looked at on the node. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart } from 'cdk8s';
import { TokenReviewer } from '../../lib/cdk8s';
import type { NodeCommandResult } from '../../tools/cluster/node-commands';
import { ClusterBox, type ClusterBoxOptions } from '../harness/cluster-box';
import { writeDriverImages } from '../harness/driver-images';
import type { AppliedManifest } from '../harness/server-side-apply';
import { writer } from '../harness/volume-objects';

/** Of the driver, in both stacks. */
export const namespace = 'keyward-system';

/** Of its Pods on nodes: volumes of Ceph have a controller besides. */
const driverLabel = 'app.kubernetes.io/name=keyward,app.kubernetes.io/component!=controller';
const driverPods = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(driverLabel)}`;
const csiNode = '/apis/storage.k8s.io/v1/csinodes/node-1';

/** `leftOnNode` of a node without volumes. */
export const nothingLeft = { images: '', mappings: 'No devices found', loops: '' } as const;

/** A namespaced object. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** A cluster whose node has the images that the driver's pods name; with a Ceph, those of a driver for its volumes. */
export async function startCluster(options: ClusterBoxOptions = {}): Promise<ClusterBox> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-images-'));
  const flavour = options.ceph ? 'ceph' : 'standard';
  try {
    const [cluster, images] = await Promise.all([ClusterBox.start(options), writeDriverImages(folder, flavour)]);
    for (const image of images) await cluster.importImage(image);
    return cluster;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The account by which OpenBao, which is outside of the cluster, reviews tokens. */
export function reviewer(home: string) {
  const chart = new Chart(new App(), 'vault-auth');
  const { token } = new TokenReviewer(chart, 'reviewer', { mode: 'reviewer-token', namespace: home });
  if (token === undefined) throw new Error('a reviewer of this mode has a token');
  return { token, objects: chart.toJson() as readonly AppliedManifest[] };
}

/** A Secret in the namespace of the driver. */
export function secret(name: string, stringData: Readonly<Record<string, string>>): AppliedManifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}

export class StorageScene {
  readonly cluster: ClusterBox;

  constructor(cluster: ClusterBox) {
    this.cluster = cluster;
  }

  /** Makes namespaces as their owners would. */
  async makeNamespaces(...names: readonly string[]): Promise<void> {
    await this.cluster.apply(
      names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      'user',
    );
  }

  /** Starts a Pod that writes on the claim of its name, and resolves when it has written. */
  async startWriter(pod: ObjectRef): Promise<void> {
    await this.cluster.apply([writer({ ...pod, claimName: pod.name })]);
    await this.cluster.objects.untilPodReady(pod.namespace, pod.name);
  }

  async restartWriter(pod: ObjectRef): Promise<void> {
    await this.cluster.objects.deletePod(pod.namespace, pod.name);
    await this.startWriter(pod);
  }

  /** Resolves when the Pods run again after their node has booted: until the kubelet has looked, they seem to run. */
  async untilRestarted(pods: readonly ObjectRef[]): Promise<void> {
    for (const { namespace: owner, name } of pods) {
      await this.cluster.objects.untilFound(`/api/v1/namespaces/${owner}/pods/${name}`, ({ status }) => {
        const [container] = status.containerStatuses ?? [];
        return container?.restartCount > 0 && container.ready;
      });
    }
  }

  /** Runs a command in a container of a Pod; any exit code is an answer. */
  async execute(pod: ObjectRef, container: string, argv: readonly string[]): Promise<NodeCommandResult> {
    const { body } = await this.cluster.api.expectOk('GET', `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`);
    const statuses: readonly { name: string; containerID: string }[] = body.status.containerStatuses;
    const id = statuses.find(({ name }) => name === container)?.containerID.replace('containerd://', '');
    if (id === undefined) throw new Error(`the Pod ${pod.name} has no container ${container}`);
    const execution = ['--exec-id', `test-${randomBytes(6).toString('hex')}`, id];
    return this.cluster.runOnNode(['ctr', '-n', 'k8s.io', 'tasks', 'exec', ...execution, ...argv]);
  }

  /** What a command in the container of a writer prints. @throws Error when it fails */
  async inWriter(pod: ObjectRef, script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.execute(pod, 'writer', ['sh', '-c', script]);
    if (exitCode !== 0) throw new Error(`${script} in ${pod.name} failed: ${stderr}`);
    return stdout.trim();
  }

  /** What a command on the node prints; empty when it fails. */
  async onNode(...argv: readonly string[]): Promise<string> {
    return (await this.cluster.runOnNode(argv)).stdout.trim();
  }

  /** Name of the Pod that the DaemonSet has on the node. */
  async driverPod(): Promise<ObjectRef> {
    const [name] = await this.cluster.objects.podNames(namespace, driverLabel);
    if (name === undefined) throw new Error('the DaemonSet has no Pod');
    return { namespace, name };
  }

  /** Deletes the driver's Pod and resolves when the next one is ready. */
  async replaceDriver(): Promise<void> {
    const { objects } = this.cluster;
    await objects.deletePod(namespace, (await this.driverPod()).name, 30);
    await this.untilDriverReady();
  }

  async untilDriverReady(): Promise<void> {
    const { objects } = this.cluster;
    await objects.untilFound(driverPods, ({ items }) => items.length === 1);
    await objects.untilPodReady(namespace, (await this.driverPod()).name);
  }

  /** Resolves when the kubelet knows the driver, or no longer does. */
  async untilRegistered(isRegistered = true): Promise<void> {
    await this.cluster.objects.untilFound(csiNode, ({ spec }) => {
      const drivers: readonly { readonly name: string }[] = spec.drivers ?? [];
      return drivers.some(({ name }) => name === 'csi.keyward.io') === isRegistered;
    });
  }

  /** What a claim is bound to: the name of the PersistentVolume, and the driver's id of the volume. */
  async boundVolume(claim: ObjectRef): Promise<{ readonly name: string; readonly handle: string }> {
    const path = `/api/v1/namespaces/${claim.namespace}/persistentvolumeclaims/${claim.name}`;
    const { spec } = await this.cluster.objects.untilFound(path, ({ status }) => status.phase === 'Bound');
    const { body } = await this.cluster.api.expectOk('GET', `/api/v1/persistentvolumes/${spec.volumeName}`);
    return { name: spec.volumeName, handle: body.spec.csi.volumeHandle };
  }

  /** Images, mappings and loop devices of the node. */
  async leftOnNode(): Promise<Readonly<Record<'images' | 'mappings' | 'loops', string>>> {
    const images = await this.onNode('find', '/var/lib/keyward', '-type', 'f', '-size', '+1M');
    const mappings = await this.onNode('dmsetup', 'ls');
    const loops = await this.onNode('losetup', '--list', '--noheadings');
    return { images, mappings, loops };
  }
}
