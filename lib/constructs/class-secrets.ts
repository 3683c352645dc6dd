// The Secrets that come with the requests of a class: one name and namespace pair per CSI operation.
import { type KmsSettings, kmsSecretSources } from '../schema/kms';
import type { SecretRef } from '../schema/secret-ref';
import type { Same } from '../schema/written-type';
import { propError } from './prop-error';

/** The operations of a volume that may carry a Secret. */
const secretOperations = ['provisioner', 'node-stage', 'node-publish', 'controller-expand', 'node-expand'] as const;

/** An operation of a volume that may carry a Secret. */
export type SecretOperation = 'provisioner' | 'node-stage' | 'node-publish' | 'controller-expand' | 'node-expand';

true satisfies Same<SecretOperation, (typeof secretOperations)[number]>;

/** One Secret for all operations, or one for each operation that is named. */
export type ClassSecrets = SecretRef | Readonly<Partial<Record<SecretOperation, SecretRef>>>;

/** A reference with its namespace. */
export type PlacedSecretRef = Required<Pick<SecretRef, 'name' | 'namespace'>>;

/** What decides which operations need a Secret. */
export interface SecretNeeds {
  /** The prop to name in an error. */
  readonly prop: string;
  readonly kms: KmsSettings;
  /** Whether the Secrets carry the user of the storage besides. */
  readonly carriesCephUser: boolean;
  readonly allowVolumeExpansion: boolean;
  /** Where a Secret is when its reference does not say. */
  readonly namespace: string | undefined;
}

/** Places each reference in its namespace and refuses a class whose KMS would miss a Secret (trap 2). */
export function placeSecrets(
  secrets: ClassSecrets | undefined,
  needs: SecretNeeds,
): ReadonlyMap<SecretOperation, PlacedSecretRef> {
  const given = isOneForAll(secrets) ? Object.fromEntries(secretOperations.map((name) => [name, secrets])) : secrets;
  const placed = new Map<SecretOperation, PlacedSecretRef>();
  for (const operation of secretOperations) {
    const ref = given?.[operation];
    if (ref !== undefined) placed.set(operation, placeSecret(ref, operation, needs));
  }
  refuseUnknown(given, needs.prop);
  refuseMissing(placed, needs);
  return placed;
}

/** Places one reference in its namespace. Throws when there is none, or when no Secret can have the name. */
export function placeSecret(
  ref: SecretRef,
  operation: string,
  { prop, namespace: fallback }: Pick<SecretNeeds, 'prop' | 'namespace'>,
): PlacedSecretRef {
  const namespace = ref.namespace ?? fallback;
  if (namespace === undefined) {
    throw propError({
      prop: `${prop}.${operation}.namespace`,
      got: 'nothing',
      allowed: 'a namespace',
      remedy: 'The sidecars read the Secret only when name and namespace are both given: add it',
      rule: 'trap 2',
    });
  }
  refuseName(`${prop}.${operation}.name`, ref.name, nameTokens);
  refuseName(`${prop}.${operation}.namespace`, namespace, namespaceTokens);
  return { name: ref.name, namespace };
}

/** The StorageClass parameters of the references. */
export function secretParameters(secrets: ReadonlyMap<string, PlacedSecretRef>): Record<string, string> {
  const pairs = [...secrets].flatMap(([operation, { name, namespace }]) => [
    [`csi.storage.k8s.io/${operation}-secret-name`, name],
    [`csi.storage.k8s.io/${operation}-secret-namespace`, namespace],
  ]);
  return Object.fromEntries(pairs);
}

function isOneForAll(secrets: ClassSecrets | undefined): secrets is SecretRef {
  return secrets !== undefined && 'name' in secrets;
}

const nameTokens = /\$\{(pv\.name|pvc\.name|pvc\.namespace|pvc\.annotations\['[^'{}]+'\])\}/g;
const namespaceTokens = /\$\{(pv\.name|pvc\.namespace)\}/g;

function refuseName(prop: string, text: string, tokens: RegExp): void {
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text.replace(tokens, 'x'))) return;
  throw propError({
    prop,
    got: JSON.stringify(text),
    allowed: 'a DNS-1123 name, with the tokens of the external-provisioner',
    remedy: 'Write the name of the Secret, or a token that the provisioner fills',
  });
}

function refuseUnknown(given: object | undefined, prop: string): void {
  const unknown = Object.keys(given ?? {}).find((key) => !secretOperations.some((operation) => operation === key));
  if (unknown === undefined) return;
  throw propError({
    prop,
    got: JSON.stringify(unknown),
    allowed: secretOperations.join(', '),
    remedy: 'Name one of these operations, or give one { name, namespace } for all',
  });
}

function refuseMissing(placed: ReadonlyMap<SecretOperation, PlacedSecretRef>, needs: SecretNeeds): void {
  const source = kmsSecretSources(needs.kms).find(({ from }) => from === 'request');
  const fromRequest = source?.from === 'request' ? source.key : undefined;
  if (fromRequest === undefined && !needs.carriesCephUser) return;
  const wanted = secretOperations.filter((operation) => needs.allowVolumeExpansion || !operation.endsWith('-expand'));
  const missing = wanted.filter((operation) => operation !== 'node-publish' && !placed.has(operation));
  if (missing.length === 0) return;
  const reader = fromRequest === undefined ? undefined : `This ${needs.kms.type} KMS reads "${fromRequest}"`;
  const user = needs.carriesCephUser ? 'The driver reads the Ceph user ("userID", "userKey")' : undefined;
  throw propError({
    prop: needs.prop,
    got: `no Secret for ${missing.join(', ')}`,
    allowed: 'a Secret for every operation that needs the key',
    remedy: `${[user, reader].filter(Boolean).join('. ')} from the request secrets: give one { name, namespace } for all operations`,
    rule: 'R18, trap 2',
  });
}
