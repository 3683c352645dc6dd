/** What CSI-Addons works on, in a real API server: claims with volumes that are attached, jobs, and cron jobs. */
import { Chart, Testing } from 'cdk8s';
import type { Manifests } from '../../tools/local-pod/manifests';
import { type CsiAddons, mergePatch } from './csi-addons';
import { addonsGroup } from './csi-addons-crds';
import { nodeName } from './driver';
import type { JsonResponse } from './http-json';
import type { AppliedManifest } from './server-side-apply';

type Body = JsonResponse['body'];

export interface AttachedClaim {
  readonly name: string;
  readonly storageClass: string;
  /** What CreateVolume answered. */
  readonly volume: { readonly volumeId: string; readonly volumeContext: Readonly<Record<string, string>> };
  readonly annotations?: Readonly<Record<string, string>>;
  /** @default 'Filesystem' */
  readonly volumeMode?: 'Filesystem' | 'Block';
}

type JobKind = 'EncryptionKeyRotationJob' | 'EncryptionKeyRotationCronJob' | 'ReclaimSpaceJob';

export class AddonsObjects {
  readonly #addons: CsiAddons;
  readonly #manifests: Manifests;
  readonly #namespace: string;

  constructor(addons: CsiAddons, manifests: Manifests, namespace: string) {
    this.#addons = addons;
    this.#manifests = manifests;
    this.#namespace = namespace;
  }

  /** What provisioner, binder and attacher would have left. */
  async createAttachedClaim({
    name,
    storageClass,
    volume,
    annotations = {},
    volumeMode,
  }: AttachedClaim): Promise<void> {
    const { provisioner, parameters } = this.#manifests.storageClass(storageClass);
    const pvName = `pv-${name}`;
    const secretName = parameters['csi.storage.k8s.io/node-stage-secret-name'];
    const secretNamespace = parameters['csi.storage.k8s.io/node-stage-secret-namespace'];
    const common = { accessModes: ['ReadWriteOnce'], storageClassName: storageClass, volumeMode };
    await this.#request('POST', '/api/v1/persistentvolumes', {
      metadata: { name: pvName },
      spec: {
        ...common,
        capacity: { storage: '16Mi' },
        claimRef: { namespace: this.#namespace, name },
        csi: {
          driver: provisioner,
          volumeHandle: volume.volumeId,
          volumeAttributes: volume.volumeContext,
          ...(secretName && { nodeStageSecretRef: { name: secretName, namespace: secretNamespace } }),
        },
      },
    });
    await this.#request('POST', this.#claims(), {
      metadata: { name, annotations },
      spec: { ...common, volumeName: pvName, resources: { requests: { storage: '16Mi' } } },
    });
    await this.#patch(`${this.#claims(name)}/status`, { status: { phase: 'Bound' } });
    const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
    await this.#request('POST', attachments, {
      metadata: { name: `attached-${name}` },
      spec: { attacher: provisioner, nodeName, source: { persistentVolumeName: pvName } },
    });
    await this.#patch(`${attachments}/attached-${name}/status`, { status: { attached: true } });
  }

  async claimAnnotations(name: string): Promise<Readonly<Record<string, string>>> {
    return (await this.#request('GET', this.#claims(name))).body.metadata.annotations ?? {};
  }

  async annotateClaim(name: string, annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#patch(this.#claims(name), { metadata: { annotations } });
  }

  async annotateNamespace(annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#patch(`/api/v1/namespaces/${this.#namespace}`, { metadata: { annotations } });
  }

  async annotateStorageClass(name: string, annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#patch(`/apis/storage.k8s.io/v1/storageclasses/${name}`, { metadata: { annotations } });
  }

  /** @param manifest A job or a cron job, as a construct emits it, without its namespace. */
  async create(manifest: AppliedManifest): Promise<void> {
    await this.#request('POST', this.#path(manifest.kind), manifest);
  }

  async patch(kind: JobKind, name: string, change: object): Promise<void> {
    await this.#patch(this.#path(kind, name), change);
  }

  async remove(kind: JobKind, name: string): Promise<void> {
    await this.#request('DELETE', this.#path(kind, name));
  }

  /** The job when it has ended. */
  untilEnded(kind: JobKind, name: string): Promise<Body['status']> {
    return this.untilJob(kind, name, `${kind} ${name} has not ended`, ({ status }) => status?.result !== undefined);
  }

  /** The first condition of a job whose message fits, while the job is still tried. */
  async untilCondition(kind: JobKind, name: string, pattern: RegExp): Promise<string> {
    const messages = ({ status }: Body): string[] => (status?.conditions ?? []).map((each: Body) => each.message);
    const found = (body: Body) => messages(body).find((message) => pattern.test(message));
    const status = await this.untilJob(kind, name, `${kind} ${name} has no condition like ${pattern}`, (body) => {
      return found(body) !== undefined;
    });
    return found({ status }) ?? '';
  }

  /** The jobs that a cron job made. */
  async jobsOf(cronJob: string): Promise<readonly Body[]> {
    const { items } = (await this.#request('GET', this.#path('EncryptionKeyRotationJob'))).body;
    return items.filter(({ metadata }: Body) => metadata.ownerReferences?.[0]?.name === cronJob);
  }

  /** The cron jobs that the controller made for a claim. */
  async cronJobsOf(claim: string): Promise<readonly Body[]> {
    const { items } = (await this.#request('GET', this.#path('EncryptionKeyRotationCronJob'))).body;
    return items.filter(({ metadata }: Body) => metadata.ownerReferences?.[0]?.name === claim);
  }

  /** The one cron job of a claim, when its schedule is this. */
  untilScheduled(claim: string, schedule: string): Promise<Body> {
    return this.#addons.until(`the claim ${claim} has no cron job with ${schedule}`, async () => {
      const [found, ...more] = await this.cronJobsOf(claim);
      return found?.spec.schedule === schedule && more.length === 0 ? found : undefined;
    });
  }

  untilUnscheduled(claim: string): Promise<true> {
    return this.#addons.until(`the claim ${claim} still has a cron job`, async () =>
      (await this.cronJobsOf(claim)).length === 0 ? true : undefined,
    );
  }

  #path(kind: string, name = ''): string {
    return `${addonsGroup}/namespaces/${this.#namespace}/${kind.toLowerCase()}s/${name}`;
  }

  untilJob(kind: JobKind, name: string, what: string, isReached: (body: Body) => boolean): Promise<Body['status']> {
    const look = async () => (await this.#request('GET', this.#path(kind, name))).body;
    return this.#addons.until(
      what,
      async () => {
        const body = await look();
        return isReached(body) ? body.status : undefined;
      },
      async () => `Its status is ${JSON.stringify((await look()).status)}`,
    );
  }

  #request(method: string, path: string, body?: unknown): Promise<JsonResponse> {
    return this.#addons.kubernetes.expectOk(method, path, body);
  }

  async #patch(path: string, change: object): Promise<void> {
    await this.#addons.kubernetes.expectOk('PATCH', path, change, mergePatch);
  }

  #claims(name = ''): string {
    return `/api/v1/namespaces/${this.#namespace}/persistentvolumeclaims/${name}`;
  }
}

/** What a chart with one object emits. */
export function emittedObject(declare: (chart: Chart) => unknown): AppliedManifest {
  const chart = new Chart(Testing.app(), 'emitted');
  declare(chart);
  const [manifest] = Testing.synth(chart);
  return manifest;
}
