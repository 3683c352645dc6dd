/** What the scheduler reads of Kubernetes: volumes, their claims, and the annotations above them. Unknown JSON in, plain values out. */
import * as z from 'zod';
import { type KubernetesClient, path } from '../../kubernetes/client';
import { parsed } from '../../kubernetes/objects';
import type { Annotations, AnnotationsOfClaim } from './precedence';

export interface BoundVolume {
  readonly pvName: string;
  readonly volumeId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface ClaimCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  /** RFC 3339. */
  readonly lastProbeTime?: string | null | undefined;
  readonly lastTransitionTime?: string | null | undefined;
}

export interface Claim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly annotations: Annotations;
  readonly storageClass: string;
  readonly pvName: string;
  readonly conditions: readonly ClaimCondition[];
}

/** A volume with the claim that has it. */
export interface Bound {
  readonly volume: BoundVolume;
  readonly claim: Claim;
}

const annotations = z.record(z.string(), z.string()).nullish();
const annotatedShape = z.object({ metadata: z.object({ annotations }) });
const volumeShape = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    claimRef: z.object({ namespace: z.string(), name: z.string(), uid: z.string().optional() }).nullish(),
    csi: z
      .object({
        driver: z.string(),
        volumeHandle: z.string(),
        volumeAttributes: z.record(z.string(), z.string()).nullish(),
      })
      .nullish(),
  }),
});
const claimShape = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    creationTimestamp: z.string(),
    annotations,
  }),
  spec: z.object({ storageClassName: z.string().nullish(), volumeName: z.string().nullish() }),
  status: z
    .object({
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            message: z.string().optional(),
            lastProbeTime: z.string().nullish(),
            lastTransitionTime: z.string().nullish(),
          }),
        )
        .nullish(),
    })
    .optional(),
});
const pageShape = z.object({
  metadata: z.object({ continue: z.string().optional() }),
  items: z.array(z.unknown()),
});

/** Objects of one page: with what managed fields take, some megabytes. */
const pageLimit = 250;
const pageBytes = 32 * 1024 * 1024;

/** One look at the cluster: what is read twice is asked for once. @throws of all methods: KubernetesError, CodedError ABORTED. */
export class ClusterLook {
  readonly #annotations = new Map<string, Promise<Annotations>>();

  constructor(
    private readonly client: KubernetesClient,
    private readonly driverName: string,
    private readonly signal: AbortSignal,
  ) {}

  /** The volume of this driver that has this name, with its claim. Undefined where there is none, or it is not bound. */
  async bound(pvName: string): Promise<Bound | undefined> {
    const answer = await this.#get(['api', 'v1', 'persistentvolumes', pvName]);
    const found = answer && this.#volumeOf(parsed(volumeShape, answer, `GET persistentvolume ${pvName}`));
    if (!found) return undefined;
    const { namespace, name } = found.claimRef;
    const claim = await this.#get(['api', 'v1', 'namespaces', namespace, 'persistentvolumeclaims', name]);
    return claim && together(found, claimOf(parsed(claimShape, claim, `GET persistentvolumeclaim ${name}`)));
  }

  /** All of the driver in the cluster. */
  async allBound(): Promise<readonly Bound[]> {
    const claims = new Map<string, Claim>();
    for (const each of await this.#list('persistentvolumeclaims', claimShape)) {
      claims.set(`${each.metadata.namespace}/${each.metadata.name}`, claimOf(each));
    }
    const volumes = await this.#list('persistentvolumes', volumeShape);
    return volumes.flatMap((each) => {
      const found = this.#volumeOf(each);
      const claim = found && claims.get(`${found.claimRef.namespace}/${found.claimRef.name}`);
      const both = found && claim && together(found, claim);
      return both ? [both] : [];
    });
  }

  async annotationsAround({ namespace, storageClass, annotations: claim }: Claim): Promise<AnnotationsOfClaim> {
    return {
      claim,
      namespace: await this.#annotationsOf(['api', 'v1', 'namespaces', namespace]),
      storageClass:
        storageClass === ''
          ? {}
          : await this.#annotationsOf(['apis', 'storage.k8s.io', 'v1', 'storageclasses', storageClass]),
    };
  }

  #annotationsOf(parts: readonly string[]): Promise<Annotations> {
    const at = path(parts);
    const read = async () => {
      const answer = await this.#get(parts);
      return (answer && parsed(annotatedShape, answer, `GET ${at}`).metadata.annotations) ?? {};
    };
    const present = this.#annotations.get(at) ?? read();
    this.#annotations.set(at, present);
    return present;
  }

  #get(parts: readonly string[]): Promise<Readonly<Record<string, unknown>> | undefined> {
    return this.client.request({ method: 'GET', path: path(parts), signal: this.signal });
  }

  async #list<S extends z.ZodType>(resource: string, shape: S): Promise<readonly z.output<S>[]> {
    const all: z.output<S>[] = [];
    let token = '';
    do {
      const query = new URLSearchParams({ limit: String(pageLimit), ...(token !== '' && { continue: token }) });
      const at = `${path(['api', 'v1', resource])}?${query}`;
      const answer = await this.client.request({
        method: 'GET',
        path: at,
        maxAnswerBytes: pageBytes,
        signal: this.signal,
      });
      const page = parsed(pageShape, answer, `GET ${resource}`);
      all.push(...page.items.map((item) => parsed(shape, item, `GET ${resource}`)));
      token = page.metadata.continue ?? '';
    } while (token !== '');
    return all;
  }

  #volumeOf({ metadata, spec: { csi, claimRef } }: z.output<typeof volumeShape>) {
    if (csi?.driver !== this.driverName || !claimRef) return undefined;
    const volume = { pvName: metadata.name, volumeId: csi.volumeHandle, attributes: csi.volumeAttributes ?? {} };
    return { volume, claimRef };
  }
}

/** A claim of the same name may be another: made anew after the first was deleted, while its volume is kept. */
function together(
  { volume, claimRef }: { readonly volume: BoundVolume; readonly claimRef: { readonly uid?: string | undefined } },
  claim: Claim,
): Bound | undefined {
  const isBound = claim.pvName === volume.pvName && (claimRef.uid === undefined || claimRef.uid === claim.uid);
  return isBound ? { volume, claim } : undefined;
}

function claimOf({ metadata, spec, status }: z.output<typeof claimShape>): Claim {
  const { namespace, name, uid, creationTimestamp } = metadata;
  return {
    namespace,
    name,
    uid,
    createdAt: creationTimestamp,
    annotations: metadata.annotations ?? {},
    storageClass: spec.storageClassName ?? '',
    pvName: spec.volumeName ?? '',
    conditions: status?.conditions ?? [],
  };
}
