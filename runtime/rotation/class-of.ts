/** The StorageClass of a key: as its record has it, else as the PersistentVolume says where Kubernetes was asked. */
import * as z from 'zod';
import type { Key } from '../grpc/gen/admin_pb';
import type { KubernetesClient } from '../kubernetes/client';
import { notUnderstood } from '../kubernetes/errors';

/** Volume id → name of its StorageClass. */
export type KnownClasses = ReadonlyMap<string, string>;

/** Undefined: nobody knows. A snapshot is of the class of its volume. */
export function classOf({ id, className, sourceId, isSnapshot }: Key, known: KnownClasses): string | undefined {
  return className || known.get(isSnapshot ? sourceId : id);
}

const listShape = z.object({
  metadata: z.object({ continue: z.string().optional() }),
  items: z.array(
    z.object({
      spec: z.object({
        storageClassName: z.string().optional(),
        csi: z.object({ volumeHandle: z.string() }).optional(),
      }),
    }),
  ),
});

/** Of so many a page stays far below what the client takes. */
const pageSize = 250;

/** The classes of all PersistentVolumes. @throws what {@link KubernetesClient.request} does. */
export async function classesOfVolumes(client: KubernetesClient): Promise<KnownClasses> {
  const classes = new Map<string, string>();
  for (let token: string | undefined = ''; token !== undefined; ) {
    const query: string = token === '' ? '' : `&continue=${encodeURIComponent(token)}`;
    const path = `/api/v1/persistentvolumes?limit=${pageSize}${query}`;
    const page = listShape.safeParse(await client.request({ method: 'GET', path }));
    if (!page.success) throw notUnderstood(`GET ${path}`, 'is no list of PersistentVolumes');
    for (const { spec } of page.data.items) {
      if (spec.csi && spec.storageClassName) classes.set(spec.csi.volumeHandle, spec.storageClassName);
    }
    token = page.data.metadata.continue || undefined;
  }
  return classes;
}
