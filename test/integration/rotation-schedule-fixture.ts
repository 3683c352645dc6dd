/** A cluster for the scheduler: a real API server and OpenBao, claims whose volumes are files, and the rights of the documents. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { csiAddonsAnnotations } from '../../lib/schema/rotation-annotations';
import { type Driver, type DriverOptions, startDriver } from '../../runtime/driver/driver';
import { parseSchedule } from '../../runtime/rotation/schedule/schedule';
import type { RotationOptions } from '../../runtime/rotation/schedule/start';
import { volume } from '../harness/driver-facts';
import { type JsonResponse, requestJson } from '../harness/http-json';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { freePort } from '../harness/ports';
import { RotationBench } from '../harness/rotation-bench';
import { vaultKms } from '../harness/rotation-vaults';
import { installCrds } from '../harness/server-side-apply';
import { codeBlocks, read } from '../unit/docs/markdown';

type Body = JsonResponse['body'];
type Annotations = Readonly<Record<string, string | null>>;

export const driverName = 'csi.keyward.io';
const driverNamespace = 'keyward-system';
const limitMs = 240_000;

/** Annotations of a schedule. */
export function scheduled(schedule: string): Annotations {
  return { [csiAddonsAnnotations.schedule]: schedule };
}
export const disabled: Annotations = { [csiAddonsAnnotations.enable]: 'false' };

interface RunningDriver {
  readonly driver: Driver;
  readonly metrics: () => Promise<string>;
  readonly stateDirectory: string;
}

export class ScheduleFixture {
  readonly volumes = new RotationBench();
  readonly #drivers: Driver[] = [];
  #kubernetes: Kubernetes | undefined;
  #bao: OpenBao | undefined;
  #started = 0;

  get kubernetes(): Kubernetes {
    return this.#kubernetes ?? notStarted();
  }

  get bao(): OpenBao {
    return this.#bao ?? notStarted();
  }

  get tokenFile(): string {
    return join(this.volumes.folder, 'service-account');
  }

  async start(): Promise<void> {
    this.#bao = await startOpenBao();
    await this.volumes.start(await vaultKms(this.bao, this.volumes.folder));
    const config = { driverName, log: { level: 'error' } };
    const backend = { type: 'loop', directory: join(this.volumes.folder, 'backing'), capacityBytes: 2 ** 30 };
    writeFileSync(join(this.volumes.folder, 'config.json'), JSON.stringify({ ...config, backend }));
    this.#kubernetes = await startKubernetes();
    await installCrds(this.kubernetes);
    await this.namespace(driverNamespace);
    await this.#grant();
    for (const name of ['plain', 'scheduled']) await this.storageClass(name);
  }

  async stop(): Promise<void> {
    for (const driver of this.#drivers.splice(0)) await driver.close(1000);
    await this.#kubernetes?.stop();
    await this.#bao?.stop();
    this.volumes.stop();
  }

  async namespace(name: string, annotations: Annotations = {}): Promise<void> {
    await this.kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name, annotations } });
  }

  async storageClass(name: string): Promise<void> {
    const body = { metadata: { name }, provisioner: driverName };
    await this.kubernetes.expectOk('POST', '/apis/storage.k8s.io/v1/storageclasses', body);
  }

  /** A claim whose volume was used, as provisioner and binder leave it; with a name, as somebody makes it by hand. @returns id of the volume */
  async claim(
    name: string,
    options: { namespace: string; storageClass?: string; annotations?: Annotations; kms?: string; pvName?: string },
  ): Promise<string> {
    const { namespace, storageClass = 'plain', annotations = {}, kms = 'vault' } = options;
    const id = await this.volumes.volume(kms);
    const record = await this.volumes.looking((deps) => deps.backEnd.volumes.get(id));
    const pvName = options.pvName ?? record?.name ?? notStarted();
    const common = { accessModes: ['ReadWriteOnce'], storageClassName: storageClass };
    const at = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
    const { body: claim } = await this.kubernetes.expectOk('POST', at, {
      metadata: { name, annotations },
      spec: { ...common, volumeName: pvName, resources: { requests: { storage: '16Mi' } } },
    });
    await this.kubernetes.expectOk('POST', '/api/v1/persistentvolumes', {
      metadata: { name: pvName },
      spec: {
        ...common,
        capacity: { storage: '16Mi' },
        claimRef: { namespace, name, uid: claim.metadata.uid },
        csi: { driver: driverName, volumeHandle: id },
      },
    });
    return id;
  }

  async annotate(path: string, annotations: Annotations): Promise<void> {
    const patch = { metadata: { annotations } };
    await this.kubernetes.expectOk('PATCH', path, patch, { contentType: 'application/merge-patch+json' });
  }

  annotateClaim(namespace: string, name: string, annotations: Annotations): Promise<void> {
    return this.annotate(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`, annotations);
  }

  /** With the rights of the service account, looking every half second. */
  rotationOptions(changes: Partial<RotationOptions> = {}): RotationOptions {
    return {
      ...{ precedence: 'pvc', perMinute: 6000, parallel: 2, staggerMs: 0, intervalMs: 500, leaseMs: 3000 },
      verifySchedule: undefined,
      namespace: driverNamespace,
      access: { address: this.kubernetes.url, caFile: this.kubernetes.caFile, tokenFile: this.tokenFile },
      ...changes,
    };
  }

  /** In this process, as {@link rotationOptions} say. */
  async driver(rotation: Partial<RotationOptions> = {}): Promise<RunningDriver> {
    const healthPort = await freePort();
    const common = this.#common();
    const driver = await startDriver({
      ...common,
      healthPort,
      rotation: this.rotationOptions(rotation),
      onFatal: (error) => {
        throw error;
      },
    });
    this.#drivers.push(driver);
    const metrics = async () => (await requestJson({ url: `http://127.0.0.1:${healthPort}/metrics` })).body;
    return { driver, metrics, stateDirectory: common.stateDirectory };
  }

  /** What a process of its own is given to do the same. */
  flags(): readonly string[] {
    const options = this.#common();
    return [
      ...['csi', `--endpoint=${options.endpoint}`, `--node-id=${options.nodeId}`, `--config=${options.configFile}`],
      ...[`--kms-config=${options.kmsConfigFile}`, `--secrets-dir=${options.secretsDirectory}`],
      ...[`--state-dir=${options.stateDirectory}`, '--rotation', '--rotation-interval=1', '--rotation-lease-seconds=3'],
      ...[
        '--rotation-stagger=0',
        '--rotation-rate=6000/min',
        '--verify-schedule=off',
        `--namespace=${driverNamespace}`,
      ],
      ...[`--api-server=${this.kubernetes.url}`, `--ca=${this.kubernetes.caFile}`, `--token-file=${this.tokenFile}`],
    ];
  }

  async rotatedAt(id: string): Promise<string | undefined> {
    const record = await this.volumes.looking((deps) => deps.backEnd.volumes.get(id));
    return record?.encryption.rotatedAt;
  }

  /** Resolves when the key was rotated, again when a time is given. @returns when */
  untilRotated(id: string, after = ''): Promise<string> {
    return this.until(`${volume(id).id} is not rotated`, async () => {
      const at = await this.rotatedAt(id);
      return at !== undefined && at > after ? at : undefined;
    });
  }

  async events(namespace: string, claim: string): Promise<readonly Body[]> {
    const { body } = await this.kubernetes.expectOk('GET', `/api/v1/namespaces/${namespace}/events`);
    return body.items.filter((each: Body) => each.involvedObject.name === claim);
  }

  untilEvent(namespace: string, claim: string, reason: string): Promise<Body> {
    return this.until(`${claim} has no event ${reason}`, async () =>
      (await this.events(namespace, claim)).find((each) => each.reason === reason),
    );
  }

  async conditions(namespace: string, claim: string): Promise<readonly Body[]> {
    const at = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`;
    return (await this.kubernetes.expectOk('GET', at)).body.status.conditions ?? [];
  }

  untilCondition(namespace: string, claim: string, wanted: Readonly<Record<string, string>>): Promise<Body> {
    return this.until(`${claim} has no condition ${JSON.stringify(wanted)}`, async () =>
      (await this.conditions(namespace, claim)).find((each) =>
        Object.entries(wanted).every(([name, value]) => each[name] === value),
      ),
    );
  }

  async lease(name = `${driverName}-rotation-node-1`): Promise<Body> {
    const at = `/apis/coordination.k8s.io/v1/namespaces/${driverNamespace}/leases/${name}`;
    return (await this.kubernetes.request('GET', at)).body;
  }

  async until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const until = Date.now() + limitMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > until) throw new Error(`${what} after ${limitMs / 1000} s`);
      await sleep(200);
    }
  }

  /** A folder for each: only the volumes are shared. */
  #common(): Omit<DriverOptions, 'onFatal' | 'healthPort'> {
    const { folder, secrets } = this.volumes;
    this.#started += 1;
    return {
      version: '0',
      endpoint: `unix://${join(folder, `csi-${this.#started}.sock`)}`,
      controller: true,
      node: true,
      nodeId: 'node-1',
      configFile: join(folder, 'config.json'),
      kmsConfigFile: join(folder, 'kms.json'),
      secretsDirectory: secrets,
      stateDirectory: join(folder, `state-${this.#started}`),
    };
  }

  /** What docs/rotation.md says that the scheduler needs, and nothing else. */
  async #grant(): Promise<void> {
    const blocks = codeBlocks(read('docs/rotation.md'), 'yaml').filter((each) => each.includes('leases'));
    const rules: Body[] = parse(blocks[0] ?? '');
    const name = 'keyward-csi';
    const group = '/apis/rbac.authorization.k8s.io/v1';
    const inNamespace = `${group}/namespaces/${driverNamespace}`;
    const isOfNamespace = ({ resources }: Body) => resources.includes('leases');
    const subjects = [{ kind: 'ServiceAccount', name, namespace: driverNamespace }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', name };
    const metadata = { name };
    const objects: readonly (readonly [path: string, body: object])[] = [
      [`/api/v1/namespaces/${driverNamespace}/serviceaccounts`, { metadata }],
      [`${group}/clusterroles`, { metadata, rules: rules.filter((rule) => !isOfNamespace(rule)) }],
      [`${group}/clusterrolebindings`, { metadata, subjects, roleRef: { ...roleRef, kind: 'ClusterRole' } }],
      [`${inNamespace}/roles`, { metadata, rules: rules.filter(isOfNamespace) }],
      [`${inNamespace}/rolebindings`, { metadata, subjects, roleRef: { ...roleRef, kind: 'Role' } }],
    ];
    for (const [path, body] of objects) await this.kubernetes.expectOk('POST', path, body);
    const token = await this.kubernetes.serviceAccountToken(driverNamespace, name);
    writeFileSync(this.tokenFile, token, { mode: 0o600 });
  }
}

export const everySecond = parseSchedule('@every 1s');

function notStarted(): never {
  throw new Error('the fixture was not started');
}
