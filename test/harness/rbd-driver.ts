/**
 * The real driver over a real Ceph: its bundle as one process that serves controller and node, with a client that calls as
 * the sidecars and the kubelet do, and the power to kill it at any point that it passes. Works on the host (controller
 * only) and in the guest.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { encodeCephClusters } from '../../lib/schema/ceph-clusters';
import { encodeKmsConfig, type KmsProps, settleKms } from '../../lib/schema/kms';
import { encodeRuntimeConfig, type RuntimeConfigProps, settleRuntimeConfig } from '../../lib/schema/runtime-config';
import {
  VolumeCapability_AccessMode_Mode as AccessMode,
  type VolumeCapabilitySchema,
} from '../../runtime/grpc/gen/csi_pb';
import { runtimeBundle } from '../../tools/bundle';
import { type CsiClient, csiClient } from '../../tools/csi-client/csi-client';
import type { Ceph } from './ceph';

export const clusterId = 'ceph-1';
export const pool = 'kube';
/** The user that the driver acts as, with the caps that ceph-csi asks for. */
export const cephUserName = 'csi-rbd';

export interface RbdDriverOptions {
  readonly ceph: Ceph;
  /** @param secrets The folder of mounted Secrets. */
  readonly kms: (secrets: string) => Readonly<Record<string, KmsProps>>;
  /** Files below the folder of mounted Secrets: `namespace/name/key` → content. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly tenantAgentEndpoint?: string;
  readonly backend?: Partial<Extract<RuntimeConfigProps['backend'], { type: 'rbd' }>>;
  readonly cryptsetup?: RuntimeConfigProps['cryptsetup'];
  /** Whether lists and capacity are served: the user is then also configured. @default true */
  readonly lists?: boolean;
  /** Another monitor than the cluster's, for tests. */
  readonly monitors?: readonly string[];
  readonly nodeId?: string;
  /** How long the client waits for each call. @default 120,000 */
  readonly callTimeoutMs?: number;
  /** The program. @default the bundle of this repository */
  readonly bundle?: string;
  /** Whether its points are noted, and can be died at: not where its time is measured. @default true */
  readonly observed?: boolean;
}

export class RbdDriver {
  readonly root: string;
  readonly #options: RbdDriverOptions;
  readonly #userKey: string;
  #child: ChildProcess | undefined;
  #csi: CsiClient | undefined;
  #claims = 0;

  private constructor(options: RbdDriverOptions, userKey: string) {
    this.#options = options;
    this.#userKey = userKey;
    this.root = mkdtempSync(join(tmpdir(), 'kw-rbd-'));
    this.#writeFiles();
  }

  /** Makes pool and user where they are missing, and starts. */
  static async start(options: RbdDriverOptions): Promise<RbdDriver> {
    const pools: readonly string[] = JSON.parse(await options.ceph.ceph(['osd', 'pool', 'ls', '-f', 'json']));
    if (!pools.includes(pool)) await options.ceph.createPool(pool);
    const driver = new RbdDriver(options, await options.ceph.createUser(cephUserName));
    await driver.start();
    return driver;
  }

  get csi(): CsiClient {
    return this.#csi ?? notStarted();
  }

  get socket(): string {
    return join(this.root, 'csi.sock');
  }

  get pid(): number {
    return this.#child?.pid ?? notStarted();
  }

  get log(): string {
    return readFileSync(join(this.root, 'log'), 'utf8');
  }

  /** What comes with every call that has secrets. */
  get secrets(): Record<string, string> {
    return { userID: cephUserName, userKey: this.#userKey };
  }

  async start(): Promise<void> {
    const path = (name: string) => join(this.root, name);
    const { tenantAgentEndpoint, nodeId = 'node-1', callTimeoutMs, bundle = runtimeBundle } = this.#options;
    const args = [
      ...['csi', '--endpoint', `unix://${this.socket}`, '--csi-addons-endpoint', `unix://${path('addons.sock')}`],
      ...['--node-id', nodeId, '--config', path('config.json'), '--kms-config', path('kms.json')],
      ...['--secrets-dir', path('secrets'), '--state-dir', path('state'), '--namespace', 'keyward-system'],
      ...(tenantAgentEndpoint === undefined ? [] : ['--tenant-agent', tenantAgentEndpoint]),
    ];
    const hook = this.#options.observed === false ? [] : ['--require', join(__dirname, 'crash-hook.cjs')];
    const child = spawn(process.execPath, [...hook, bundle, ...args], {
      env: {
        PATH: process.env.PATH,
        DM_DISABLE_UDEV: process.env.DM_DISABLE_UDEV,
        KEYWARD_TEST_POINTS: path('points'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => appendFileSync(path('log'), chunk));
    this.#child = child;
    this.#csi = csiClient({
      socket: this.socket,
      addonsSocket: path('addons.sock'),
      ...(callTimeoutMs !== undefined && { timeoutMs: callTimeoutMs }),
    });
    for (const until = Date.now() + 600_000; ; ) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`the driver did not start:\n${this.log}`);
      const ready = await this.#csi.identity.probe({}).catch(() => undefined);
      if (ready) return;
      await sleep(100);
    }
  }

  /** SIGKILL, as a node that runs out of memory would. */
  async kill(): Promise<void> {
    this.#csi?.close();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Resolves when the process has died by itself. */
  async died(): Promise<void> {
    const child = this.#child ?? notStarted();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#csi?.close();
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    const unforeseen = this.#unforeseen();
    rmSync(this.root, { recursive: true, force: true });
    if (unforeseen.length > 0) throw new Error(`the driver met what nobody foresaw:\n${unforeseen.join('\n')}`);
  }

  /** Lines of the log: the answer to a call says no more than that, and a repeated call may have gone well. */
  #unforeseen(): readonly string[] {
    // A driver that was never started has none.
    if (!existsSync(join(this.root, 'log'))) return [];
    return this.log.split('\n').filter((line) => line.includes('"INTERNAL"'));
  }

  /** The next process dies at this point (`operation:step`, or `operation:*` for each in turn). Undefined: at none. */
  dieAt(point: string | undefined): void {
    const order = join(this.root, 'points', 'kill-at');
    if (point === undefined) rmSync(order, { force: true });
    else writeFileSync(order, point);
  }

  /** The process stands still at this point, as a node that is frozen would: `isStill`, until {@link goOn}. */
  standStillAt(point: string): void {
    writeFileSync(join(this.root, 'points', 'pause-at'), point);
  }

  get isStill(): boolean {
    return existsSync(join(this.root, 'points', 'paused'));
  }

  goOn(): void {
    rmSync(join(this.root, 'points', 'paused'));
  }

  /** The points that were passed since the last call. */
  takePoints(): readonly string[] {
    const file = join(this.root, 'points', 'passed');
    if (!existsSync(file)) return [];
    const points = readFileSync(file, 'utf8').trim().split('\n');
    rmSync(file);
    return points;
  }

  /** The CreateVolume request of a new claim. */
  claim({ kms, sizeBytes, parameters = {}, block = false, tenant = 'shop', fsType = '' }: ClaimOptions) {
    this.#claims += 1;
    const name = `claim-${this.#claims}`;
    const reserved = 'csi.storage.k8s.io/';
    return {
      name: `pvc-${Date.now()}-${this.#claims}`,
      capacityRange: { requiredBytes: BigInt(sizeBytes ?? 64 * 1024 * 1024) },
      volumeCapabilities: [capability(block, fsType)],
      parameters: {
        ...{ clusterID: clusterId, pool, encrypted: 'true', encryptionKMSID: kms },
        ...{
          [`${reserved}pvc/name`]: name,
          [`${reserved}pvc/namespace`]: tenant,
          [`${reserved}pv/name`]: `pv-${name}`,
        },
        ...parameters,
      },
      secrets: this.secrets,
    };
  }

  #writeFiles(): void {
    const { ceph, kms, secrets = {}, backend, cryptsetup, lists = true, monitors } = this.#options;
    const user = { namespace: 'keyward-system', name: 'ceph-user' };
    const config = settleRuntimeConfig({
      backend: {
        type: 'rbd',
        clustersFile: join(this.root, 'clusters.json'),
        ...(lists && { credentials: [{ clusterId, secret: user }], pools: [{ clusterId, pool }] }),
        ...backend,
      },
      ...(cryptsetup && { cryptsetup }),
      log: { level: 'debug' },
    });
    for (const folder of ['points', 'state', 'secrets']) mkdirSync(join(this.root, folder));
    const files = {
      ...secrets,
      ...(lists && {
        [`${user.namespace}/${user.name}/userID`]: cephUserName,
        [`${user.namespace}/${user.name}/userKey`]: this.#userKey,
      }),
    };
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.root, 'secrets', path);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, content, { mode: 0o600 });
    }
    const sections = Object.entries(kms(join(this.root, 'secrets')));
    const settled = new Map(sections.map(([id, props]) => [id, settleKms(id, props)]));
    writeFileSync(join(this.root, 'config.json'), encodeRuntimeConfig(config));
    writeFileSync(join(this.root, 'kms.json'), encodeKmsConfig(settled));
    const clusters = [{ clusterID: clusterId, monitors: monitors ?? ceph.monitors }];
    writeFileSync(join(this.root, 'clusters.json'), encodeCephClusters(clusters));
  }
}

export interface ClaimOptions {
  /** Id of the KMS. */
  readonly kms: string;
  /** @default 64 MiB */
  readonly sizeBytes?: number;
  /** Added to those of the class. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly block?: boolean;
  /** @default shop */
  readonly tenant?: string;
  readonly fsType?: string;
}

export function capability(block = false, fsType = ''): MessageInitShape<typeof VolumeCapabilitySchema> {
  const accessMode = { mode: AccessMode.SINGLE_NODE_WRITER };
  return block
    ? { accessMode, accessType: { case: 'block', value: {} } }
    : { accessMode, accessType: { case: 'mount', value: { fsType, mountFlags: [] } } };
}

function notStarted(): never {
  throw new Error('the driver was not started');
}
