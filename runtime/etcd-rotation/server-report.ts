/** What one API server says of its encryption, out of its metrics. */
import { parseSamples, type Sample } from './metrics-text';

/** The key id that Status of a KMS v2 plugin gave last. */
export interface ReportedKey {
  /** Name of the provider in the EncryptionConfiguration. */
  readonly provider: string;
  readonly keyIdHash: string;
  /** In seconds since 1970, by the clock of the API server. */
  readonly seenAt: number;
}

export type Direction = 'from_storage' | 'to_storage';

/** How often since its start the API server read or wrote objects of a resource under a provider. */
export interface Operations {
  readonly resource: string;
  readonly direction: Direction;
  /** `k8s:enc:kms:v2:vault:`, `identity`. */
  readonly provider: string;
  readonly count: number;
}

/** How often since its start the API server used a key id, over all resources. */
export interface KeyUses {
  readonly provider: string;
  readonly direction: Direction;
  readonly keyIdHash: string;
  readonly count: number;
}

export interface ServerReport {
  readonly address: string;
  /** Hash of the identity that its Lease has, too. Undefined without KMS v2. */
  readonly identityHash?: string;
  /** One a provider of KMS v2. */
  readonly keys: readonly ReportedKey[];
  readonly operations: readonly Operations[];
  readonly uses: readonly KeyUses[];
}

const families = {
  status: 'apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds',
  uses: 'apiserver_envelope_encryption_key_id_hash_total',
  operations: 'apiserver_storage_transformation_operations_total',
} as const;

export function isOfInterest(line: string): boolean {
  return Object.values(families).some((name) => line.startsWith(`${name}{`));
}

export function serverReport(address: string, lines: readonly string[]): ServerReport {
  const samples = parseSamples(lines);
  const of = (name: string) => samples.filter((each) => each.name === name);
  const status = of(families.status);
  const identityHash = status[0]?.labels.apiserver_id_hash;
  return {
    address,
    ...(identityHash !== undefined && { identityHash }),
    keys: newestOfEach(status),
    operations: of(families.operations).flatMap(operationsOf),
    uses: of(families.uses).flatMap(usesOf),
  };
}

/** The series of older key ids stay: the one that was set last is what Status says now. */
function newestOfEach(samples: readonly Sample[]): ReportedKey[] {
  const newest = new Map<string, ReportedKey>();
  for (const { labels, value } of samples) {
    const { provider_name: provider, key_id_hash: keyIdHash } = labels;
    if (provider === undefined || keyIdHash === undefined) continue;
    if ((newest.get(provider)?.seenAt ?? 0) < value) newest.set(provider, { provider, keyIdHash, seenAt: value });
  }
  return [...newest.values()];
}

function operationsOf({ labels, value }: Sample): Operations[] {
  const { resource, transformation_type: type, transformer_prefix: provider, status } = labels;
  const direction = directionOf(type);
  if (resource === undefined || provider === undefined || direction === undefined || status !== 'OK') return [];
  return [{ resource, direction, provider, count: value }];
}

function usesOf({ labels, value }: Sample): KeyUses[] {
  const { provider_name: provider, key_id_hash: keyIdHash, transformation_type: type } = labels;
  const direction = directionOf(type);
  if (provider === undefined || keyIdHash === undefined || direction === undefined) return [];
  return [{ provider, direction, keyIdHash, count: value }];
}

function directionOf(type: string | undefined): Direction | undefined {
  return type === 'from_storage' || type === 'to_storage' ? type : undefined;
}

/** What grew from one report to a later one of the same process. A counter that fell began anew: it counts whole. */
export function grown<T extends { readonly count: number }>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (each: T) => string,
): T[] {
  const old = new Map(before.map((each) => [keyOf(each), each.count]));
  return after.flatMap((each) => {
    const was = old.get(keyOf(each)) ?? 0;
    const count = each.count < was ? each.count : each.count - was;
    return count > 0 ? [{ ...each, count }] : [];
  });
}
