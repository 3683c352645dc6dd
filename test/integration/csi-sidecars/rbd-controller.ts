/** The controller of keyward over a real Ceph, as the emitted Deployment has it: with power to kill it at any of its steps. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Testing } from 'cdk8s';
import { EncryptedStorage } from '../../../lib/cdk8s';
import { passphraseSecretKey, secretFile } from '../../../lib/schema/names';
import { Secret } from '../../../runtime/secret';
import { runtimeBundle } from '../../../tools/bundle';
import { type LocalPod, startPod } from '../../../tools/local-pod/local-pod';
import { Manifests, type PodSource } from '../../../tools/local-pod/manifests';
import type { SecretObject } from '../../../tools/local-pod/pod-volumes';
import type { Ceph } from '../../harness/ceph';
import { nodeName, passphrase, vaultMount } from '../../harness/driver';

const namespace = 'keyward-system';
const clusterId = 'test';
export const pool = 'kube';

export interface RbdControllerOptions {
  readonly ceph: Ceph;
  /** Serves the KMS `vault`. */
  readonly vault: { readonly address: string; readonly token: string };
}

export class RbdController {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'kr-')));
  readonly manifests: Manifests;
  readonly workload: PodSource;
  /** Those that come with requests: in the class `stranger` the key is that of another user. */
  readonly requestSecrets: readonly SecretObject[];
  readonly #mountedSecrets: readonly SecretObject[];
  readonly #points = join(this.root, 'points');
  #pod: LocalPod | undefined;

  private constructor({ ceph, vault }: RbdControllerOptions, keys: { readonly own: string; readonly other: string }) {
    mkdirSync(this.#points);
    this.manifests = documents(ceph.monitors, vault.address);
    this.workload = this.manifests.deployment();
    this.#mountedSecrets = [{ namespace, name: 'vault', data: { token: Secret.fromText(vault.token) } }];
    this.requestSecrets = Object.entries(keys).map(([name, key]) => ({
      namespace,
      name,
      data: {
        userID: Secret.fromText('kube'),
        userKey: Secret.fromText(key),
        [passphraseSecretKey]: Secret.fromText(passphrase),
      },
    }));
  }

  /** Makes the pool and its users, and starts the driver. */
  static async start(options: RbdControllerOptions): Promise<RbdController> {
    const { ceph } = options;
    await ceph.createPool(pool);
    const [own, other] = [await ceph.createUser('kube'), await ceph.createUser('other')];
    const controller = new RbdController(options, { own, other });
    await controller.#start();
    return controller;
  }

  /** Everything that may not be seen: keys, tokens and passphrases. */
  get secrets(): readonly Secret[] {
    const all = [...this.requestSecrets, ...this.#mountedSecrets].flatMap(({ data }) => Object.entries(data));
    return all.filter(([key]) => key !== 'userID').map(([, secret]) => secret);
  }

  /** Whether the driver has passed a point of an operation since {@link forgetPoints}. */
  hasPassed(point: string): boolean {
    const file = join(this.#points, 'passed');
    return existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(point);
  }

  forgetPoints(): void {
    rmSync(join(this.#points, 'passed'), { force: true });
  }

  /** Runs an action in the course of which the driver dies at the point, and starts the driver again. */
  async dying(point: string, action: () => Promise<unknown>): Promise<void> {
    const order = join(this.#points, 'kill-at');
    writeFileSync(order, point);
    await action();
    await this.#pod?.exited;
    rmSync(order);
    await this.#start();
  }

  async stop(): Promise<void> {
    await this.#pod?.stop();
    rmSync(this.root, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const hook = join(__dirname, '../../harness/crash-hook.cjs');
    const { manifests, workload, root } = this;
    this.#pod = await startPod({
      ...{ manifests, workload, root, nodeName },
      container: 'keyward',
      command: [
        '/usr/bin/env',
        `KEYWARD_TEST_POINTS=${this.#points}`,
        process.execPath,
        '--require',
        hook,
        runtimeBundle,
      ],
      secrets: this.#mountedSecrets,
    });
  }
}

/** What `cdk8s synth` would write. */
function documents(monitors: readonly string[], address: string): Manifests {
  const tokenFile = secretFile({ namespace, name: 'vault', key: 'token' });
  const rbd = { clusterId, pool, imageFeatures: ['layering', 'exclusive-lock'] } as const;
  const secrets = { name: 'own' };
  const chart = new Chart(Testing.app(), 'test');
  new EncryptedStorage(chart, 'Storage', {
    namespace,
    driver: {
      type: 'keyward',
      backend: { type: 'rbd', clusters: [{ clusterId, monitors }] },
      logLevel: 'debug',
      snapshots: true,
    },
    kms: {
      metadata: { type: 'metadata' },
      vault: {
        type: 'vault',
        address,
        backend: 'kv-v2',
        backendPath: vaultMount,
        auth: { method: 'token', tokenFile },
      },
    },
    classes: [
      { name: 'vault', kms: 'vault', rbd, secrets },
      { name: 'metadata', kms: 'metadata', rbd, secrets },
      { name: 'no-pool', kms: 'vault', rbd: { ...rbd, pool: 'absent' }, secrets },
      { name: 'stranger', kms: 'vault', rbd, secrets: { name: 'other' } },
    ],
  });
  const objects = Testing.synth(chart);
  return new Manifests(objects, JSON.stringify(objects));
}
