// In what order the parts of an encrypted storage reach a cluster by GitOps: said once, for the waves of Argo CD and for the
// dependencies of Flux.
import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { StorageVault } from './storage-vault';
import { TenantAccess } from './tenant-access';
import { TenantAccounts } from './tenant-accounts';
import { TokenReviewer } from './token-reviewer';
import { VaultBootstrapJob } from './vault-bootstrap-job';

/** The parts, in their order. Each can be an application of its own. */
export const storageParts = ['namespace', 'vault', 'driver', 'tenants', 'classes'] as const;

/** A part of an encrypted storage. */
export type StoragePart = (typeof storageParts)[number];

interface Place {
  /** Wave of Argo CD; 0 is where objects are that name none. */
  readonly wave: number;
  readonly after: readonly StoragePart[];
}

/** The driver does not wait for the tenants: one whose namespace is absent would keep all others from their volumes. */
const order: Readonly<Record<StoragePart, Place>> = {
  namespace: { wave: -2, after: [] },
  vault: { wave: -1, after: ['namespace'] },
  driver: { wave: 0, after: ['vault'] },
  tenants: { wave: 1, after: ['driver'] },
  classes: { wave: 1, after: ['driver'] },
};

const syncWave = 'argocd.argoproj.io/sync-wave';

/** The part that an object belongs to. What no other claims is the driver's. */
export function storagePartOf(object: ApiObject): StoragePart {
  if (object.kind === 'Namespace') return 'namespace';
  if (object.kind === 'StorageClass' || object.kind === 'VolumeSnapshotClass') return 'classes';
  const { scopes } = object.node;
  if (scopes.some((it) => it instanceof StorageVault || it instanceof VaultBootstrapJob || it instanceof TokenReviewer))
    return 'vault';
  if (scopes.some((it) => it instanceof TenantAccess || it instanceof TenantAccounts)) return 'tenants';
  return 'driver';
}

/** The parts that must be there before one, of those that are present at all. */
export function partsBefore(part: StoragePart, present: ReadonlySet<StoragePart>): readonly StoragePart[] {
  return order[part].after.flatMap((before) => (present.has(before) ? [before] : partsBefore(before, present)));
}

/** The annotation by which Argo CD orders a part; none for the wave that is the default. */
export function syncWaveOf(part: StoragePart): Readonly<Record<string, string>> {
  const { wave } = order[part];
  return wave === 0 ? {} : { [syncWave]: String(wave) };
}

/** Annotates all objects below a construct with the wave of their part. Those that name one themselves keep it. */
export function annotateSyncWaves(scope: Construct): void {
  for (const object of scope.node.findAll().filter((node): node is ApiObject => ApiObject.isApiObject(node))) {
    const present: unknown = object.toJson().metadata.annotations?.[syncWave];
    if (present !== undefined) continue;
    for (const [name, value] of Object.entries(syncWaveOf(storagePartOf(object)))) {
      object.metadata.addAnnotation(name, value);
    }
  }
}
