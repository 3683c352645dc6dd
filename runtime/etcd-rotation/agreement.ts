/** Whether all API servers of the cluster say the same of their keys, and which API servers there are. */
import type { ServerReport } from './server-report';
import { hashOf } from './stored-value';

export type Agreement =
  | { readonly agreed: true; readonly keyIdHashes: ReadonlyMap<string, string> }
  /** `because` is a clause for people. */
  | { readonly agreed: false; readonly because: string };

/** @param wanted hash of the key id that one provider is to have; undefined: any, if it is the same everywhere */
export function agreement(reports: readonly ServerReport[], wanted?: string): Agreement {
  const names = new Set(reports.flatMap(({ keys }) => keys.map(({ provider }) => provider)));
  const keyIdHashes = new Map<string, string>();
  for (const name of names) {
    const said = reports.map(({ address, keys }) => ({
      address,
      hash: keys.find(({ provider }) => provider === name)?.keyIdHash,
    }));
    const silent = said.find(({ hash }) => hash === undefined);
    if (silent) return differ(`${silent.address} has not heard of a key id from provider ${name}`);
    const [first, ...others] = said;
    const other = others.find(({ hash }) => hash !== first?.hash);
    if (other) return differ(`provider ${name}: ${first?.address} says ${first?.hash}, ${other.address} ${other.hash}`);
    keyIdHashes.set(name, first?.hash ?? '');
  }
  // With KMS v1 no server reports a key id: then etcd shows it later.
  if (wanted !== undefined && names.size > 0 && ![...keyIdHashes.values()].includes(wanted)) {
    const said = [...keyIdHashes].map(([name, hash]) => `${name} ${hash}`).join(', ');
    return differ(`no provider reports the key id ${wanted} yet; reported: ${said}`);
  }
  return { agreed: true, keyIdHashes };
}

function differ(because: string): Agreement {
  return { agreed: false, because };
}

/** A Lease by which an API server says that it lives. */
export interface IdentityLease {
  readonly name: string;
  /** In milliseconds since 1970. */
  readonly renewedAt: number;
}

/** It is renewed every ten seconds and removed after an hour. Compared with the newest one, no clock of ours is needed. */
const leaseGraceMs = 90_000;

/** Names of the Leases of API servers that live and that no report is of. */
export function unheard(leases: readonly IdentityLease[], reports: readonly ServerReport[]): string[] {
  const newest = Math.max(0, ...leases.map(({ renewedAt }) => renewedAt));
  const living = leases.filter(({ renewedAt }) => renewedAt >= newest - leaseGraceMs).map(({ name }) => name);
  const heard = new Set(reports.flatMap(({ identityHash }) => (identityHash === undefined ? [] : [identityHash])));
  // Without KMS v2 the metrics name no identity: then only the number can be compared.
  if (heard.size === 0) return living.slice(reports.length);
  return living.filter((name) => !heard.has(hashOf(name)));
}
