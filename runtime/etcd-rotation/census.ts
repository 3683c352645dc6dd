/** How many objects etcd holds under which provider and key, and which are not where they should be. */
import type { EtcdReader, StoredObject } from './etcd-reader';
import { hashOf } from './stored-value';
import type { Target } from './writers';

export interface CensusRow {
  readonly provider: string;
  readonly keyId?: string;
  readonly keyIdHash?: string;
  readonly count: number;
}

export interface Census {
  readonly total: number;
  /** The largest first. */
  readonly rows: readonly CensusRow[];
  /** Keys of those that are not under the target; empty without one. */
  readonly elsewhere: readonly string[];
}

/** @throws CodedError of the reader. */
export async function takeCensus(
  etcd: EtcdReader,
  folder: string,
  target?: Target,
  signal?: AbortSignal,
): Promise<Census> {
  const rows = new Map<string, CensusRow>();
  const elsewhere: string[] = [];
  let total = 0;
  for await (const object of etcd.objects(folder, signal)) {
    total += 1;
    const row = rowOf(object);
    const id = `${row.provider} ${row.keyId ?? ''}`;
    rows.set(id, { ...row, count: (rows.get(id)?.count ?? 0) + 1 });
    if (target && !isUnder(target, row)) elsewhere.push(object.key);
  }
  return { total, rows: [...rows.values()].sort((one, other) => other.count - one.count), elsewhere };
}

/** Whether what is stored so is where the target says. */
export function isUnder(target: Target, stored: Pick<CensusRow, 'provider' | 'keyIdHash'>): boolean {
  return (
    stored.provider === target.provider && (target.keyIdHash === undefined || stored.keyIdHash === target.keyIdHash)
  );
}

function rowOf({ provider, keyId }: StoredObject): CensusRow {
  return { provider, count: 1, ...(keyId !== undefined && { keyId, keyIdHash: hashOf(keyId) }) };
}
