/**
 * The real driver for tests: its bundle as a process, configured by the documents that the constructs emit, with a client,
 * a list of the points that it passes, and the power to kill it at any of them. Works on the host and in the guest.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Size, Testing } from 'cdk8s';
import { EncryptedStorage, type EncryptedStorageProps } from '../../lib/cdk8s';
import type { KmsProps } from '../../lib/schema/kms';
import { passphraseSecretKey, secretFile } from '../../lib/schema/names';
import type { RuntimeConfig } from '../../lib/schema/runtime-config';
import { Secret } from '../../runtime/secret';
import { runtimeBundle } from '../../tools/bundle';
import { type CsiClient, csiClient } from '../../tools/csi-client/csi-client';
import { type LocalPod, startPod } from '../../tools/local-pod/local-pod';
import { Manifests } from '../../tools/local-pod/manifests';
import type { SecretObject } from '../../tools/local-pod/pod-volumes';
import { asSidecar, type SidecarRequests } from '../../tools/local-pod/sidecars';
import type { OpenBao } from './openbao';

const namespace = 'keyward-system';
export const nodeName = 'node-1';
export const passphrase = 'a passphrase for tests';
/** Mount path of the KV engine. */
export const vaultMount = 'keyward';

/** The class, which is also the id of its KMS. */
export type TestClass = 'metadata' | 'vault' | 'xfs';

export interface TestDriverOptions {
  /** Serves the KMS `vault`; without it there is only `metadata`. See {@link prepareVault}. */
  readonly vault?: { readonly address: string; readonly token: string };
  /** @default 4 GiB */
  readonly capacity?: Size;
  /** @default 'debug' */
  readonly logLevel?: RuntimeConfig['log']['level'];
  /** A folder that comes first in the PATH of the driver. */
  readonly shims?: string;
  /** @default the passphrase */
  readonly secrets?: readonly SecretObject[];
  /** Whether the sidecar of CSI-Addons is in the pod; nothing here starts it. @default false */
  readonly csiAddons?: boolean;
  /** A folder for everything that the driver keeps, removed by the caller. @default one of its own */
  readonly root?: string;
}

const MiB = 1024 * 1024;

/** A KV engine (version 2) and a token for it, as the administrator of a Vault would make them. */
export async function prepareVault(bao: OpenBao): Promise<{ readonly address: string; readonly token: string }> {
  await bao.expectOk('POST', `sys/mounts/${vaultMount}`, { type: 'kv', options: { version: '2' } });
  const policy = `path "${vaultMount}/*" { capabilities = ["create", "update", "read", "delete", "list"] }`;
  await bao.expectOk('PUT', `sys/policies/acl/${vaultMount}`, { policy });
  const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: [vaultMount], ttl: '2h' });
  return { address: bao.address, token: body.auth.client_token };
}

export class TestDriver {
  readonly root: string;
  readonly manifests: Manifests;
  readonly #options: TestDriverOptions;
  readonly #points: string;
  #pod: LocalPod | undefined;
  #csi: CsiClient | undefined;
  #claims = 0;

  /** Nothing runs yet: call {@link start}. */
  constructor(options: TestDriverOptions = {}) {
    this.#options = options;
    this.root = realpathSync(options.root ?? mkdtempSync(join(tmpdir(), 'kw-')));
    this.#points = join(this.root, 'points');
    mkdirSync(this.#points, { recursive: true });
    this.manifests = documents(options);
  }

  get csi(): CsiClient {
    return this.#csi ?? notStarted();
  }

  get pod(): LocalPod {
    return this.#pod ?? notStarted();
  }

  /** Where the back end keeps records and images. */
  get backing(): string {
    return join(this.root, 'node/var/lib/keyward');
  }

  get log(): string {
    return readFileSync(this.pod.logFile, 'utf8');
  }

  /** Starts the driver, again when it ran before. */
  async start(): Promise<void> {
    await this.kill();
    const { shims } = this.#options;
    const path = shims === undefined ? [] : [`PATH=${shims}:${process.env.PATH}`];
    const hook = join(__dirname, 'crash-hook.cjs');
    this.#pod = await startPod({
      manifests: this.manifests,
      container: 'keyward',
      root: this.root,
      nodeName,
      command: [
        '/usr/bin/env',
        `KEYWARD_TEST_POINTS=${this.#points}`,
        ...path,
        process.execPath,
        '--require',
        hook,
        runtimeBundle,
      ],
      secrets: this.#secrets(),
    });
    const socket = this.#pod.sockets.get('endpoint') ?? notStarted();
    const addonsSocket = this.#pod.sockets.get('csi-addons-endpoint') ?? notStarted();
    this.#csi = csiClient({ socket, addonsSocket });
  }

  async kill(): Promise<void> {
    this.#csi?.close();
    await this.#pod?.kill();
  }

  /** Ends the driver in an orderly way and removes all that it kept. */
  async stop(): Promise<void> {
    this.#csi?.close();
    await this.#pod?.stop();
    if (this.#options.root === undefined) rmSync(this.root, { recursive: true, force: true });
  }

  /** What the sidecars and the kubelet would ask for a new claim of a class. */
  claim(className: TestClass, sizeBytes = 16 * MiB): SidecarRequests {
    this.#claims += 1;
    return asSidecar({
      storageClass: this.manifests.storageClass(className),
      snapshotClass: this.manifests.snapshotClass(className),
      claim: { name: `claim-${this.#claims}`, namespace: 'shop', uid: `${Date.now()}-${this.#claims}`, sizeBytes },
      secrets: this.#secrets(),
      singleNodeMultiWriter: true,
    });
  }

  /** The points that were passed since the last call. */
  takePoints(): readonly string[] {
    const file = join(this.#points, 'passed');
    if (!existsSync(file)) return [];
    const points = readFileSync(file, 'utf8').trim().split('\n');
    rmSync(file);
    return points;
  }

  /** Runs the call while the driver is to die at the point, and starts the driver again. @throws Error when it did not die. */
  async dieAt(point: string, call: () => Promise<unknown>): Promise<void> {
    await this.#ordered(point, () => this.dieDuring(call, point));
  }

  /**
   * Repeats the call until it succeeds, while the driver dies at each point of the operation in turn: every call comes one
   * step further. @returns the points at which it died, and the answer of the last call.
   */
  async dieInTurn<R>(
    operation: string,
    call: () => Promise<R>,
  ): Promise<{ readonly deaths: readonly string[]; readonly answer: R }> {
    const deaths = join(this.#points, 'deaths');
    rmSync(deaths, { force: true });
    return this.#ordered(`${operation}:*`, async () => {
      for (let count = 0; ; count += 1) {
        const outcome = await call()
          .then((answer) => ({ answer }))
          .catch((error: unknown) => ({ error }));
        const points = existsSync(deaths) ? readFileSync(deaths, 'utf8').trim().split('\n') : [];
        if ('answer' in outcome) return { deaths: points, answer: outcome.answer };
        if (points.length !== count + 1) throw outcome.error;
        await this.pod.exited;
        await this.start();
      }
    });
  }

  /** Runs a call in which the driver dies by other means, and starts it again. */
  async dieDuring(call: () => Promise<unknown>, where: string): Promise<void> {
    const answer = await call().then(
      () => 'the call succeeded',
      (error: unknown) => error,
    );
    if (answer === 'the call succeeded') throw new Error(`the driver was to die at ${where}, but ${answer}`);
    const pulse = await Promise.race([
      this.pod.exited.then(() => 'dead'),
      new Promise((resolve) => setTimeout(resolve, 5_000, 'alive')),
    ]);
    if (pulse === 'alive') throw new Error(`the driver was to die at ${where}, but the call failed: ${String(answer)}`);
    await this.start();
  }

  async #ordered<T>(points: string, action: () => Promise<T>): Promise<T> {
    const order = join(this.#points, 'kill-at');
    writeFileSync(order, points);
    return action().finally(() => rmSync(order));
  }

  #secrets(): readonly SecretObject[] {
    const { secrets, vault } = this.#options;
    return [
      ...(secrets ?? [{ namespace, name: 'passphrase', data: { [passphraseSecretKey]: Secret.fromText(passphrase) } }]),
      ...(vault ? [{ namespace, name: 'vault', data: { token: Secret.fromText(vault.token) } }] : []),
    ];
  }
}

/** What `cdk8s synth` would write for these options. */
function documents(options: TestDriverOptions): Manifests {
  const { vault, capacity = Size.gibibytes(4), logLevel = 'debug', csiAddons = false } = options;
  const tokenFile = secretFile({ namespace, name: 'vault', key: 'token' });
  const kms: Record<string, KmsProps> = {
    metadata: { type: 'metadata' },
    ...(vault && {
      vault: {
        type: 'vault',
        address: vault.address,
        backend: 'kv-v2',
        backendPath: vaultMount,
        auth: { method: 'token', tokenFile },
      },
    }),
  };
  const secrets = { name: 'passphrase' };
  const props: EncryptedStorageProps<string> = {
    namespace,
    driver: {
      type: 'keyward',
      backend: { type: 'loop', directory: '/var/lib/keyward', capacity },
      logLevel,
      snapshots: true,
      csiAddons,
    },
    kms,
    classes: [
      { name: 'metadata', kms: 'metadata', secrets },
      { name: 'xfs', kms: 'metadata', secrets, fsType: 'xfs' },
      ...(vault ? [{ name: 'vault', kms: 'vault' }] : []),
    ],
  };
  const chart = new Chart(new App(), 'test');
  new EncryptedStorage(chart, 'Storage', props);
  const objects = Testing.synth(chart);
  return new Manifests(objects, JSON.stringify(objects));
}

function notStarted(): never {
  throw new Error('the driver was not started');
}
