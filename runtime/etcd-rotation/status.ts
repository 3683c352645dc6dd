/** `keyward etcd status`: what each API server reports, and under which keys the objects are stored. Changes nothing. */
import { toCoded } from '../errors';
import type { KubernetesClient } from '../kubernetes/client';
import { agreement } from './agreement';
import { ask, missingServers } from './api-servers';
import { type CensusRow, isUnder, takeCensus } from './census';
import { encryptedResources, likelyTarget } from './encrypted-resources';
import type { EtcdReader } from './etcd-reader';
import { findResource } from './resources';
import type { ServerReport } from './server-report';

export interface StatusOptions {
  readonly servers: readonly [KubernetesClient, ...KubernetesClient[]];
  readonly etcd?: EtcdReader;
  readonly resources?: readonly string[];
  /** Hash of the key id that must be reported. */
  readonly wanted?: string;
  readonly signal?: AbortSignal;
}

export interface ServerStatus {
  readonly address: string;
  /** Undefined when it could not be asked: then there is an error. */
  readonly report?: ServerReport;
  readonly error?: string;
}

export interface StoredRow extends CensusRow {
  /** Whether it is where the API servers write now; undefined when nothing tells. */
  readonly isCurrent?: boolean;
}

/** What metrics tell of a resource, since the start of the API servers. */
export interface UseRow {
  readonly provider: string;
  readonly read: number;
  readonly written: number;
}

export interface ResourceStatus {
  readonly resource: string;
  /** With etcd: every object. */
  readonly stored?: readonly StoredRow[];
  /** Without. */
  readonly used?: readonly UseRow[];
}

export interface ClusterStatus {
  readonly servers: readonly ServerStatus[];
  /** API servers that live and were not asked; undefined when that cannot be known. */
  readonly missing?: readonly string[];
  /** Undefined: all agree. */
  readonly disagreement?: string;
  readonly resources: readonly ResourceStatus[];
}

/** @throws CodedError when no API server answers, or etcd does not. */
export async function clusterStatus(options: StatusOptions): Promise<ClusterStatus> {
  const { servers: clients, etcd, signal } = options;
  const servers = await Promise.all(clients.map((client) => statusOf(client, signal)));
  const reports = servers.flatMap(({ report }) => (report ? [report] : []));
  const client = clients.find(({ address }) => reports.some((report) => report.address === address));
  // With none to ask, the reason is the error of the first.
  if (!client) await ask(clients[0], signal);
  const missing = client && (await missingServers(client, reports, signal));
  const names = options.resources ?? encryptedResources(reports);
  const resources: ResourceStatus[] = [];
  for (const name of names) {
    resources.push(
      etcd && client
        ? { resource: name, stored: await storedRows(client, etcd, name, reports, signal) }
        : { resource: name, used: useRows(reports, name) },
    );
  }
  const disagreement = disagreementOf(servers, reports, missing, options.wanted);
  return {
    servers,
    ...(missing !== undefined && { missing }),
    ...(disagreement !== undefined && { disagreement }),
    resources,
  };
}

async function statusOf(client: KubernetesClient, signal: AbortSignal | undefined): Promise<ServerStatus> {
  const { address } = client;
  try {
    return { address, report: await ask(client, signal) };
  } catch (thrown) {
    const error = toCoded(thrown);
    return { address, error: `${error.code}: ${error.message}` };
  }
}

function disagreementOf(
  servers: readonly ServerStatus[],
  reports: readonly ServerReport[],
  missing: readonly string[] | undefined,
  wanted: string | undefined,
): string | undefined {
  const silent = servers.find(({ error }) => error !== undefined);
  if (silent) return `${silent.address} could not be asked`;
  if (missing !== undefined && missing.length > 0) return `${missing.length} more API servers live than were asked`;
  const found = agreement(reports, wanted);
  return found.agreed ? undefined : found.because;
}

async function storedRows(
  client: KubernetesClient,
  etcd: EtcdReader,
  name: string,
  reports: readonly ServerReport[],
  signal: AbortSignal | undefined,
): Promise<readonly StoredRow[]> {
  const { etcdFolder } = await findResource(client, name, signal);
  const target = likelyTarget(reports, name);
  const { rows } = await takeCensus(etcd, etcdFolder, target, signal);
  return rows.map((row) => ({ ...row, ...(target?.keyIdHash !== undefined && { isCurrent: isUnder(target, row) }) }));
}

function useRows(reports: readonly ServerReport[], name: string): readonly UseRow[] {
  const rows = new Map<string, UseRow>();
  for (const { resource, provider, direction, count } of reports.flatMap(({ operations }) => operations)) {
    if (resource !== name) continue;
    const { read, written } = rows.get(provider) ?? { read: 0, written: 0 };
    const isRead = direction === 'from_storage';
    rows.set(provider, { provider, read: read + (isRead ? count : 0), written: written + (isRead ? 0 : count) });
  }
  return [...rows.values()];
}
