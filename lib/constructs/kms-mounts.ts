// The files that the KMSs of a configuration read, turned into volumes of the driver's pod: what the settings name is mounted.
import { dirname, posix } from 'node:path';
import type { k8s } from 'cdk8s-plus-27';
import { type KmsSecretSource, type KmsSettings, kmsSecretSources } from '../schema/kms';
import { mountPaths, secretOfFile } from '../schema/names';
import { propError } from './prop-error';

/** What decides the mounts. */
export interface KmsMountNeeds {
  /** The KMSs of the driver by id. */
  readonly kms: Readonly<Record<string, KmsSettings>>;
  /** Namespace of the driver: only Secrets of the same namespace can be mounted. */
  readonly namespace: string;
  /** Audience of the token that the driver shows to Vault. */
  readonly vaultAudience: string | undefined;
}

/** What the KMSs add to the pod. */
export interface KmsMounts {
  /** Sources of the projected volume at /etc/keyward. */
  readonly configSources: readonly k8s.VolumeProjection[];
  readonly volumes: readonly k8s.Volume[];
  readonly mounts: readonly k8s.VolumeMount[];
}

/** Collects the mounts of all KMSs. Throws when a KMS reads what no volume can hold. */
export function kmsMounts(needs: KmsMountNeeds): KmsMounts {
  const secretKeys = new Map<string, Set<string>>();
  const tokenFiles = new Set<string>();
  for (const [id, settings] of Object.entries(needs.kms)) {
    for (const source of kmsSecretSources(settings)) {
      if (source.from === 'request') continue;
      if (source.from === 'service-account') tokenFiles.add(source.tokenFile);
      else addSecret(secretKeys, mountedSecret(id, source, needs.namespace));
    }
  }
  const tokens = [...tokenFiles]
    .sort()
    .map((file, index) => tokenVolume(file, `kms-token-${index}`, needs.vaultAudience));
  return {
    configSources: sorted(secretKeys).map(([name, keys]) => secretProjection(needs.namespace, name, [...keys].sort())),
    volumes: tokens.map(({ volume }) => volume),
    mounts: tokens.map(({ mount }) => mount),
  };
}

type FileSource = Exclude<KmsSecretSource, { from: 'request' | 'service-account' }>;

function mountedSecret(id: string, source: FileSource, namespace: string): { name: string; key: string } {
  const secret = source.from === 'file' ? secretOfFile(source.path) : source;
  if (secret === undefined) {
    throw propError({
      prop: `kms.${id}`,
      got: source.from === 'file' ? source.path : source.name,
      allowed: `a file under ${mountPaths.secrets}/${namespace}/`,
      remedy:
        'Nothing mounts another path: put the material into a Secret and write secretFile({ namespace, name, key })',
      rule: 'R3',
    });
  }
  if (secret.namespace !== namespace) {
    throw propError({
      prop: `kms.${id}`,
      got: `Secret ${secret.name} in ${secret.namespace ?? 'the namespace of each claim'}`,
      allowed: `Secrets of ${namespace}`,
      remedy:
        'A pod mounts Secrets of its own namespace only: set the namespace of the driver, or use the secrets of the class',
      rule: 'R3',
    });
  }
  return secret;
}

function addSecret(secretKeys: Map<string, Set<string>>, { name, key }: { name: string; key: string }): void {
  secretKeys.set(name, (secretKeys.get(name) ?? new Set()).add(key));
}

function secretProjection(namespace: string, name: string, keys: readonly string[]): k8s.VolumeProjection {
  const folder = posix.relative(mountPaths.config, `${mountPaths.secrets}/${namespace}/${name}`);
  return { secret: { name, items: keys.map((key) => ({ key, path: `${folder}/${key}`, mode: 0o400 })) } };
}

function tokenVolume(file: string, name: string, audience: string | undefined) {
  const serviceAccountToken = { path: posix.basename(file), expirationSeconds: 3600, ...(audience && { audience }) };
  const volume: k8s.Volume = { name, projected: { sources: [{ serviceAccountToken }] } };
  const mount: k8s.VolumeMount = { name, mountPath: dirname(file), readOnly: true };
  return { volume, mount };
}

function sorted<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}
