/** stacks/gitops on the cluster in a box: its values, what is done by hand, and what is looked at on the node. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart } from 'cdk8s';
import { TokenReviewer } from '../../lib/cdk8s';
import { declareFolders } from '../../stacks/gitops/folders';
import { delivery, namespace, storage } from '../../stacks/gitops/values';
import type { NodeCommandResult } from '../../tools/cluster/node-commands';
import { bindBootstrapRole } from '../harness/bootstrap-role';
import { ClusterBox } from '../harness/cluster-box';
import { writeDriverImages } from '../harness/driver-images';
import type { AppliedManifest } from '../harness/server-side-apply';

/** How OpenBao, which is outside of the cluster, reaches its API server. */
const kubernetesHost = 'https://kubernetes.default.svc';

const driverLabel = 'app.kubernetes.io/name=keyward';
const driverPods = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(driverLabel)}`;

export class GitopsScene {
  readonly cluster: ClusterBox;

  constructor(cluster: ClusterBox) {
    this.cluster = cluster;
  }

  /** Builds the images, boots the cluster and does what docs/gitops.md leaves to be done by hand; the stack is not applied. */
  static async start(): Promise<GitopsScene> {
    const folder = mkdtempSync(join(tmpdir(), 'keyward-images-'));
    try {
      const [cluster, images] = await Promise.all([ClusterBox.start(), writeDriverImages(folder)]);
      for (const image of images) await cluster.importImage(image);
      const scene = new GitopsScene(cluster);
      await scene.prepareByHand();
      return scene;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** The role of the Job at OpenBao, the token with which OpenBao reviews, its CA, and the passphrase of the class that has one. */
  async prepareByHand(): Promise<void> {
    const { api, openBao } = this.cluster;
    const { caPem, token } = api.access;
    const names = ['billing', 'shop', namespace];
    await this.cluster.apply(
      names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      'user',
    );
    const account = { name: 'keyward-vault-keyward', namespace };
    await bindBootstrapRole(openBao, { url: kubernetesHost, caPem, token }, account);
    const secrets = [
      secret('vault-ca', { cert: openBao.caPem }),
      secret('storage-passphrase', { encryptionPassphrase: randomBytes(24).toString('hex') }),
    ];
    await this.cluster.apply([...reviewer().objects, ...secrets], 'user');
  }

  /** What the stack emits for the storage, in the order in which it is applied; OpenBao is elsewhere and has a token of its own. */
  declared(): ReadonlyMap<string, readonly AppliedManifest[]> {
    const login = {
      kubernetesHost,
      kubernetesCaCert: this.cluster.api.access.caPem,
      reviewer: { mode: 'reviewer-token', tokenReviewerJwt: { secret: reviewer().token } },
    } as const;
    const values: typeof storage = {
      ...storage,
      driver: { ...storage.driver, admin: true } as typeof storage.driver,
      vaultState: { ...storage.vaultState, login },
    };
    const folders = declareFolders(new App(), { namespace, delivery: { path: delivery.path }, storage: values });
    return folders as ReadonlyMap<string, readonly AppliedManifest[]>;
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

  /** What a claim is bound to: the name of the PersistentVolume, and the driver's id of the volume. */
  async boundVolume(claim: ObjectRef): Promise<{ readonly name: string; readonly handle: string }> {
    const path = `/api/v1/namespaces/${claim.namespace}/persistentvolumeclaims/${claim.name}`;
    const { spec } = await this.cluster.objects.untilFound(path, ({ status }) => status.phase === 'Bound');
    const { body } = await this.cluster.api.expectOk('GET', `/api/v1/persistentvolumes/${spec.volumeName}`);
    return { name: spec.volumeName, handle: body.spec.csi.volumeHandle };
  }
}

/** A namespaced object. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** The account by which OpenBao, which is outside of the cluster, reviews tokens. */
function reviewer() {
  const chart = new Chart(new App(), 'vault-auth');
  const { token } = new TokenReviewer(chart, 'reviewer', { mode: 'reviewer-token', namespace });
  if (token === undefined) throw new Error('a reviewer of this mode has a token');
  return { token, objects: chart.toJson() as readonly AppliedManifest[] };
}

function secret(name: string, stringData: Readonly<Record<string, string>>): AppliedManifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}
