// The files that the KMSs of a configuration read, and Ceph users beside them, turned into volumes of the driver's pod: what the settings name is mounted.
import { dirname, posix } from 'node:path';
import type { k8s } from 'cdk8s-plus-27';
import { type KmsSecretSource, type KmsSettings, kmsSecretSources } from '../schema/kms';
import { cephUserKeys, mountPaths, secretOfFile } from '../schema/names';
import { propError } from './prop-error';

/** What decides the mounts. */
export interface KmsMountNeeds {
  /** The KMSs of the driver by id. */
  readonly kms: Readonly<Record<string, KmsSettings>>;
  /** Namespace of the driver: only Secrets of the same namespace can be mounted. */
  readonly namespace: string;
  /** Audience of the token that the driver shows to Vault. */
  readonly vaultAudience: string | undefined;
  /** Names of Secrets with Ceph users, for calls that bring none. */
  readonly cephUsers: readonly string[];
  /** Name of the Secret that takes the place of those of the classes, for work that no request asks for. */
  readonly adminSecret: string | undefined;
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
  const required = new Map<string, Set<string>>();
  const optional = new Map<string, Set<string>>();
  for (const name of needs.cephUsers) for (const key of cephUserKeys) addSecret(required, { name, key });
  const audiences = new Map<string, string | undefined>();
  for (const [id, settings] of Object.entries(needs.kms)) {
    for (const source of kmsSecretSources(settings)) {
      if (source.from === 'service-account') {
        audiences.set(source.tokenFile, source.audience ?? needs.vaultAudience);
      }
      const mounted = mountedSecret(id, source, needs.namespace);
      if (mounted !== undefined) addSecret(mounted.optional ? optional : required, mounted);
    }
  }
  if (needs.adminSecret !== undefined) {
    const fromRequests = Object.values(needs.kms)
      .flatMap((settings) => kmsSecretSources(settings))
      .filter((each) => each.from === 'request');
    // Which of them a class needs is the class's matter: what the Secret lacks keeps no pod from starting.
    const keys = [...cephUserKeys, ...fromRequests.map(({ key }) => key)];
    const present = required.get(needs.adminSecret);
    for (const key of keys) if (!present?.has(key)) addSecret(optional, { name: needs.adminSecret, key });
  }
  const tokens = sorted(audiences).map(([file, audience], index) => tokenVolume(file, `kms-token-${index}`, audience));
  return {
    configSources: [
      ...sorted(required).map(([name, keys]) => secretProjection(needs.namespace, name, [...keys].sort())),
      // A projection of its own: in one that is not optional, an absent key keeps the pod from starting.
      ...sorted(optional).map(([name, keys]) => secretProjection(needs.namespace, name, [...keys].sort(), true)),
    ],
    volumes: tokens.map(({ volume }) => volume),
    mounts: tokens.map(({ mount }) => mount),
  };
}

interface MountedSecret {
  readonly name: string;
  readonly key: string;
  readonly optional?: true;
}

/** Undefined for what is not mounted: it comes with the request, or is of another namespace and the tenant agent's to give. */
function mountedSecret(id: string, source: KmsSecretSource, namespace: string): MountedSecret | undefined {
  if (source.from === 'driver-secret') return source;
  if (source.from === 'secret') return source.namespace === namespace ? source : undefined;
  if (source.from !== 'file') return undefined;
  const secret = secretOfFile(source.path);
  if (secret?.namespace === namespace) return secret;
  throw propError({
    prop: `kms.${id}`,
    got: source.path,
    allowed: `a file under ${mountPaths.secrets}/${namespace}/`,
    remedy:
      'A pod mounts Secrets of its own namespace only: put the material into a Secret there and write secretFile({ namespace, name, key })',
    rule: 'R3',
  });
}

function addSecret(secretKeys: Map<string, Set<string>>, { name, key }: { name: string; key: string }): void {
  secretKeys.set(name, (secretKeys.get(name) ?? new Set()).add(key));
}

function secretProjection(
  namespace: string,
  name: string,
  keys: readonly string[],
  optional?: true,
): k8s.VolumeProjection {
  const folder = posix.relative(mountPaths.config, `${mountPaths.secrets}/${namespace}/${name}`);
  const items = keys.map((key) => ({ key, path: `${folder}/${key}`, mode: 0o400 }));
  return { secret: { name, items, ...(optional && { optional }) } };
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
