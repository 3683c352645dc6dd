/** `keyward etcd rotate --dry-run`: what would be done. Nothing is written, so the writers are only likely ones. */
import { takeCensus } from './census';
import { encryptedResources, likelyTarget } from './encrypted-resources';
import { listResources } from './listing';
import type { RotateOptions } from './rotate';
import { settle } from './settle';
import type { Target } from './writers';

export interface PlannedResource {
  readonly resource: string;
  /** Undefined: no metric tells where the API servers write it. */
  readonly target?: Target;
  readonly total: number;
  /** Objects under another key; undefined where etcd is not given or does not tell: the API server finds them then. */
  readonly toRewrite?: number;
}

/** @throws CodedError ETCD_KEY_IDS_DIFFER, CONFIG_INVALID, and those of API server and etcd. */
export async function planRotation(options: RotateOptions): Promise<readonly PlannedResource[]> {
  const { servers, etcd, signal, onProgress } = options;
  const reports = await settle({ ...options, onWait: (because) => onProgress(`waiting: ${because}`) });
  const listed = await listResources({
    ...options,
    client: servers[0],
    names: options.resources ?? encryptedResources(reports),
  });
  const planned: PlannedResource[] = [];
  for (const { resource, objects } of listed) {
    const target = likelyTarget(reports, resource.name);
    const isTold = etcd && target?.keyIdHash !== undefined;
    const census = isTold ? await takeCensus(etcd, resource.etcdFolder, target, signal) : undefined;
    planned.push({
      resource: resource.name,
      ...(target && { target }),
      total: objects.length,
      ...(census && { toRewrite: census.elsewhere.length }),
    });
  }
  return planned;
}
