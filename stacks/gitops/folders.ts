// What goes into which folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ApiObject, type App, type Chart, Yaml } from 'cdk8s';
import {
  type ApiServerEncryption,
  type EncryptedStorageProps,
  type StoragePart,
  storagePartOf,
  storageParts,
} from '../../lib/cdk8s';
import { ArgoCdChart } from './argo-cd';
import { GitopsChart } from './chart';
import type { Delivery } from './delivery';
import { FluxChart } from './flux';

/** What the stack declares. */
export interface GitopsProps<Id extends string> {
  readonly namespace: string;
  readonly storage: EncryptedStorageProps<Id>;
  /** Encryption of the API server's objects, whose side of Vault the state of the storage takes in. */
  readonly apiServer?: ApiServerEncryption | undefined;
  readonly delivery: Delivery;
}

/** Objects by the folder that they go to, in the order in which the folders are applied; those of the controllers come last. */
export type Folders = ReadonlyMap<string, readonly object[]>;

/** Declares everything in an app. Throws what constructs and rules throw: then there is nothing to write. */
export function declareFolders<const Id extends string>(
  app: App,
  { namespace, storage, apiServer, delivery: { path, argoCd, flux } }: GitopsProps<Id>,
): Folders {
  const parts = partsOf(new GitopsChart(app, 'keyward', namespace, withApiServer(storage, apiServer)));
  const delivered = { parts: [...parts.keys()], path };
  return new Map<string, readonly object[]>([
    ...parts,
    ...(argoCd
      ? [['argo-cd', new ArgoCdChart(app, 'argo-cd', { ...argoCd, ...delivered, target: namespace }).toJson()] as const]
      : []),
    ...(flux ? [['flux', new FluxChart(app, 'flux', { ...flux, ...delivered }).toJson()] as const] : []),
  ]);
}

/**
 * Writes one file for each folder. cdk8s's own folders name a file by kind and name alone: of the Roles of all tenants, which
 * differ in their namespace, the last would be left.
 */
export function writeFolders(outdir: string, folders: Folders): void {
  for (const [name, objects] of folders) {
    mkdirSync(join(outdir, name), { recursive: true });
    Yaml.save(join(outdir, name, `${name}.k8s.yaml`), [...objects]);
  }
}

/** One state and one Job for both: so one role for the Job, and one owner. */
function withApiServer<Id extends string>(
  storage: EncryptedStorageProps<Id>,
  apiServer: ApiServerEncryption | undefined,
): EncryptedStorageProps<Id> {
  const { vaultState } = storage;
  if (apiServer === undefined || vaultState === undefined) return storage;
  const { owner } = vaultState;
  const others = [...(vaultState.others ?? []), apiServer.vaultState(owner === undefined ? {} : { owner })];
  return { ...storage, vaultState: { ...vaultState, others } };
}

function partsOf(chart: Chart): ReadonlyMap<StoragePart, readonly object[]> {
  // Validates; the objects themselves say where they belong.
  chart.toJson();
  const objects = chart.node.findAll().filter((node): node is ApiObject => ApiObject.isApiObject(node));
  const found = storageParts.map((part) => {
    const own = objects.filter((object) => storagePartOf(object) === part);
    return [part, own.map((object): object => object.toJson())] as const;
  });
  return new Map(found.filter(([, own]) => own.length > 0));
}
