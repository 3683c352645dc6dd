/** What `keyward etcd` prints for people. Names of objects, providers and key ids only. */

import type { RotatedResource, Rotation } from '../etcd-rotation/outcome';
import type { PlannedResource } from '../etcd-rotation/plan';
import type { Proof } from '../etcd-rotation/proof';
import type { RetireAdvice } from '../etcd-rotation/retire-advice';
import type { ClusterStatus, ResourceStatus, ServerStatus, StoredRow } from '../etcd-rotation/status';

export function statusText({ servers, missing, disagreement, resources }: ClusterStatus): string {
  return lines([
    ...servers.flatMap(serverLines),
    ...(missing === undefined
      ? ['It is not known whether these are all: the Leases in kube-system cannot be read.']
      : []),
    disagreement === undefined ? 'All API servers agree.' : `Not settled: ${disagreement}.`,
    '',
    ...resources.flatMap(resourceLines),
  ]);
}

export function planText(planned: readonly PlannedResource[]): string {
  return lines(
    planned.map(({ resource, total, toRewrite, target }) => {
      const count =
        toRewrite === undefined
          ? `${total} objects, as far as the API server finds them stale`
          : `${toRewrite} of ${total} objects`;
      return `${resource}: would rewrite ${count}, to ${target ? place(target) : 'where the API server writes now'}`;
    }),
  );
}

export function rotationText({ resources, advice }: Rotation): string {
  return lines([...resources.flatMap(rotatedLines), ...(advice ? ['', ...adviceLines(advice)] : [])]);
}

function serverLines({ address, report, error }: ServerStatus): string[] {
  if (!report) return [`API server ${address}: ${error}`];
  if (report.keys.length === 0) return [`API server ${address}: reports no key id (no provider of KMS v2)`];
  return report.keys.map(
    ({ provider, keyIdHash, seenAt }) =>
      `API server ${address}: ${provider} ${keyIdHash}, heard at ${new Date(seenAt * 1_000).toISOString()}`,
  );
}

function resourceLines({ resource, stored, used }: ResourceStatus): string[] {
  if (stored) {
    const total = stored.reduce((sum, { count }) => sum + count, 0);
    return [`${resource}: ${total} objects in etcd`, ...stored.map(storedLine)];
  }
  return [
    `${resource}: since the API servers started (give --etcd for what is stored)`,
    ...(used ?? []).map(({ provider, read, written }) => `  ${provider} read ${read} times, written ${written} times`),
  ];
}

function storedLine({ count, isCurrent, ...row }: StoredRow): string {
  const mark = isCurrent === undefined ? '' : isCurrent ? '  current' : '  to be rewritten';
  return `  ${String(count).padStart(7)}  ${place(row)}${mark}`;
}

function rotatedLines({ resource, target, proof, refused, ...counts }: RotatedResource): string[] {
  if (!target) return [`${resource}: no objects`];
  const { written, unchanged, gone, conflict } = counts;
  return [
    `${resource}: ${written} rewritten, ${unchanged} were there already, ${conflict} rewritten by others, ${gone} deleted meanwhile`,
    `  under ${place(target)}`,
    `  ${proofLine(proof)}`,
    ...refused.map(({ key, reason }) => `  not written: ${key}: ${reason}`),
  ];
}

const basis: Readonly<Record<Proof['kind'], string>> = {
  etcd: 'by what etcd holds',
  reads: 'by the metrics of an API server that read all of them from etcd',
  revisions: 'by the revisions at which they were written; with KMS v1 only --etcd shows the version of the key',
};

function proofLine({ kind, count, fault }: Proof): string {
  return fault === undefined ? `proved for ${count} objects ${basis[kind]}` : `NOT PROVED ${basis[kind]}: ${fault}`;
}

function adviceLines({ forbidOldVersions, deleteOldVersions, notes }: RetireAdvice): string[] {
  return [
    'The older versions of the key may now be retired. keyward does not do it:',
    `  ${forbidOldVersions}      forbids them`,
    `  ${deleteOldVersions}      deletes them, after that`,
    ...notes.map((note) => `- ${note}`),
  ];
}

interface Place {
  readonly provider: string;
  readonly keyId?: string;
  readonly keyIdHash?: string;
}

/** Key ids are from etcd, where anybody with access may have written one: what cannot be printed is not. */
function place({ provider, keyId, keyIdHash }: Place): string {
  const shown = keyId !== undefined && /^[\x20-\x7e]{1,300}$/.test(keyId) ? ` ${keyId}` : '';
  return `${printable(provider)}${shown}${keyIdHash === undefined ? '' : ` ${keyIdHash}`}`;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
