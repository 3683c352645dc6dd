/** What the steps share: the running driver, the volumes that were made, and what is needed to look at them from outside. */
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { configFileName, mountPaths, passphraseSecretKey } from '../lib/schema/names';
import { decodeRuntimeConfig } from '../lib/schema/runtime-config';
import type { Secret } from '../runtime/secret';
import { type CsiClient, csiClient } from '../tools/csi-client/csi-client';
import { stagingPath, targetPath } from '../tools/local-pod/kubelet-paths';
import { type LocalPod, startPod } from '../tools/local-pod/local-pod';
import type { Manifests, StorageClass } from '../tools/local-pod/manifests';
import { asSidecar, type SidecarRequests } from '../tools/local-pod/sidecars';
import { type StoredKey, storedKey } from './observe/luks-key';
import { type NodeState, nodeState } from './observe/node-state';
import type { TestFile } from './observe/test-file';
import type { DemoEvent, ProofName, StepName } from './protocol';

export interface SceneOptions {
  readonly manifests: Manifests;
  /** An empty folder for everything that the driver keeps. */
  readonly root: string;
  readonly nodeName: string;
  /** Stands for the image's entry point. */
  readonly command: readonly [string, ...string[]];
  /** Handed to the driver with CSI requests only. */
  readonly passphrase: Secret;
  readonly onEvent: (event: DemoEvent) => void;
}

/** A volume of the demo and where it is. */
export interface Volume {
  readonly id: string;
  readonly requests: SidecarRequests;
  readonly staging: string;
  readonly target: string;
  /** The key that it was made with. */
  readonly firstKey: StoredKey;
}

const container = 'keyward';
const className = 'encrypted';

export class Scene {
  readonly options: SceneOptions;
  readonly root: string;
  /** By what they are in the story. */
  readonly volumes = new Map<string, Volume>();
  readonly keys: StoredKey[] = [];
  snapshotId = '';
  step: StepName = 'start';
  #isRunning = false;
  #pod: LocalPod | undefined;
  #csi: CsiClient | undefined;
  #file: TestFile | undefined;
  #driver: { readonly name: string; readonly topology: { readonly segments: Record<string, string> } } | undefined;

  constructor(options: SceneOptions) {
    this.options = options;
    this.root = realpathSync(options.root);
  }

  /** The driver as it was started last; it may be dead. */
  get pod(): LocalPod {
    return this.#pod ?? missing('the driver runs');
  }

  get csi(): CsiClient {
    return this.#csi ?? missing('the driver runs');
  }

  get file(): TestFile {
    return this.#file ?? missing('a file is written');
  }

  set file(file: TestFile) {
    this.#file = file;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Starts the container from the documents; also after it was killed. */
  async startDriver(): Promise<void> {
    const { manifests, nodeName, command } = this.options;
    const pod = await startPod({ manifests, container, root: this.root, nodeName, command });
    this.#csi?.close();
    this.#pod = pod;
    this.#isRunning = true;
    this.#csi = csiClient({
      socket: pod.sockets.get('endpoint') ?? missing('the documents name a CSI socket'),
      addonsSocket: pod.sockets.get('csi-addons-endpoint') ?? missing('the documents name a CSI-Addons socket'),
      onCall: ({ rpc, status, ms }) =>
        this.emit({ type: 'call', call: { step: this.step, rpc, status, ms: Math.round(ms) } }),
    });
    const { name } = await this.#csi.identity.getPluginInfo({});
    const { accessibleTopology } = await this.#csi.node.nodeGetInfo({});
    this.#driver = { name, topology: { segments: { ...accessibleTopology?.segments } } };
  }

  async stopDriver(): Promise<void> {
    this.#csi?.close();
    await this.#pod?.stop();
    this.#isRunning = false;
  }

  async killDriver(): Promise<void> {
    await this.#pod?.kill();
    this.#isRunning = false;
  }

  /** What the sidecars would ask for a claim of the declared class. */
  requests(claimName: string, uid: string, sizeBytes: number): SidecarRequests {
    const { manifests, passphrase } = this.options;
    const storageClass = manifests.storageClass(className);
    return asSidecar({
      storageClass,
      snapshotClass: manifests.snapshotClass(className),
      claim: { name: claimName, namespace: 'shop', uid, sizeBytes },
      secrets: [{ ...secretOf(storageClass), data: { [passphraseSecretKey]: passphrase } }],
      singleNodeMultiWriter: true,
      topology: this.#driver?.topology ?? missing('the driver runs'),
    });
  }

  /** Notes a volume that was created; the folders that the kubelet makes are made. */
  async addVolume(role: string, id: string, requests: SidecarRequests): Promise<Volume> {
    const driverName = this.#driver?.name ?? missing('the driver runs');
    const place = { driverName, volumeId: id, pvName: requests.pvName, podUid: `pod-${role}` };
    const { paths } = this.pod;
    const firstKey = await this.takeKey(id);
    const volume = { id, requests, staging: stagingPath(paths, place), target: targetPath(paths, place), firstKey };
    this.volumes.set(role, volume);
    return volume;
  }

  volume(role: string): Volume {
    return this.volumes.get(role) ?? missing(`the ${role} exists`);
  }

  /** Image file of a volume, where the documents say that ciphertext is kept. */
  imagePath(id: string): string {
    return join(this.#backing(), 'images', 'volumes', `${id}.img`);
  }

  recordPath(id: string, kind: 'volumes' | 'snapshots' = 'volumes'): string {
    return join(this.#backing(), 'records', kind, `${id}.json`);
  }

  /** The key that the record of a volume or snapshot holds now; remembered for the searches at the end. */
  async takeKey(id: string, kind: 'volumes' | 'snapshots' = 'volumes'): Promise<StoredKey> {
    const key = await storedKey(this.recordPath(id, kind), id, this.options.passphrase);
    const known = this.keys.find((each) => each.wrapped === key.wrapped);
    if (known) key.dek.zero();
    else this.keys.push(key);
    return known ?? key;
  }

  /** What of the demo's volumes is in the kernel now. */
  nodeState(): Promise<NodeState> {
    return nodeState(this.root);
  }

  /** Lends the passphrase and every key so far, for searches. */
  async withSecrets<T>(use: (secrets: readonly Buffer[]) => Promise<T>): Promise<T> {
    const secrets = [this.options.passphrase, ...this.keys.map(({ dek }) => dek)];
    const copies = secrets.map((secret) => secret.use((bytes) => Buffer.from(bytes)));
    try {
      return await use(copies);
    } finally {
      for (const copy of copies) copy.fill(0);
    }
  }

  emit(event: DemoEvent): void {
    this.options.onEvent(event);
  }

  prove(proof: ProofName, ok: boolean, observed: string): void {
    this.emit({ type: 'proof', proof, ok, observed });
    if (!ok) throw new Error(`not proven: ${observed}`);
  }

  /** As the driver reads it in its own configuration. */
  #backing(): string {
    const path = this.pod.paths.toLocal(`${mountPaths.config}/${configFileName}`);
    const { backend } = decodeRuntimeConfig(readFileSync(path, 'utf8'));
    return backend.type === 'loop' ? backend.directory : missing('the driver is configured for loop');
  }
}

/** The Secret that the class asks for. */
function secretOf({ parameters }: StorageClass): { readonly name: string; readonly namespace: string } {
  const part = (field: string) => parameters[`csi.storage.k8s.io/provisioner-secret-${field}`];
  return {
    name: part('name') ?? missing('the class names a Secret'),
    namespace: part('namespace') ?? missing('the class names a Secret'),
  };
}

function missing(what: string): never {
  throw new Error(`this step needs that ${what}`);
}
