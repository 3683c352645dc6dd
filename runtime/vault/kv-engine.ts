/** Finds the right key/value engine for a mount. The namespace is a prefix of the path, as in ceph-csi. */
import * as z from 'zod';
import { CodedError } from '../errors';
import type { VaultClient } from './client';
import { joinPath } from './connection';
import { notUnderstood } from './errors';
import type { KeyValue } from './kv';
import { kvV1 } from './kv-v1';
import { kvV2 } from './kv-v2';

export interface KvOptions {
  /** Namespace of the data, '' for the root. */
  readonly namespace: string;
  readonly mountPath: string;
  readonly version: 1 | 2;
}

export function openKeyValue(client: VaultClient, { namespace, mountPath, version }: KvOptions): KeyValue {
  const mount = joinPath(namespace, mountPath);
  return version === 2 ? kvV2(client, mount) : kvV1(client, mount);
}

const mountsShape = z.object({
  data: z.record(z.string(), z.object({ type: z.string(), options: z.record(z.string(), z.string()).nullish() })),
});

/**
 * Asks `sys/mounts` which version the engine at a mount has.
 *
 * ceph-csi asks in the namespace of the login; we ask in the one of the data, where the mount is. The answers agree
 * wherever that of ceph-csi is right.
 * @throws CodedError CONFIG_INVALID when no KV engine is mounted there; VaultError KMS_DENIED without read on sys/mounts.
 */
export async function detectKvVersion(
  client: VaultClient,
  { namespace, mountPath }: Omit<KvOptions, 'version'>,
  signal?: AbortSignal,
): Promise<1 | 2> {
  const path = joinPath(namespace, 'sys/mounts');
  const answer = await client.request({ method: 'GET', path, ...(signal && { signal }) });
  const parsed = mountsShape.safeParse(answer.body);
  if (!parsed.success) throw notUnderstood(`GET ${path} at ${client.address}`, 'is no list of mounts');
  const mount = parsed.data.data[`${joinPath(mountPath)}/`];
  if (mount?.type !== 'kv' && mount?.type !== 'generic') {
    throw new CodedError(
      'CONFIG_INVALID',
      `no KV engine is mounted at ${joinPath(namespace, mountPath)} of ${client.address}`,
      {
        remedy: 'Enable one there or correct mount path and namespace in the configuration.',
      },
    );
  }
  return mount.options?.version === '2' ? 2 : 1;
}
