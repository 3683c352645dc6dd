/** The API servers of a cluster: where they are, how many there must be, and what each says of its keys. */
import * as z from 'zod';
import { CodedError, toCoded } from '../errors';
import { type KubernetesClient, path } from '../kubernetes/client';
import { type IdentityLease, unheard } from './agreement';
import { isOfInterest, type ServerReport, serverReport } from './server-report';

const slicesShape = z.object({
  items: z.array(
    z.object({
      endpoints: z.array(z.object({ addresses: z.array(z.string()) })).nullish(),
      ports: z.array(z.object({ name: z.string().nullish(), port: z.int().nullish() })).nullish(),
    }),
  ),
});
const leasesShape = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({ renewTime: z.iso.datetime() }),
    }),
  ),
});

/**
 * Addresses of all API servers, as they themselves put them into the endpoints of the service `kubernetes`. Empty when
 * they do not, or when we may not look.
 */
export async function apiServerAddresses(client: KubernetesClient, signal?: AbortSignal): Promise<string[]> {
  const at = `${path(['apis', 'discovery.k8s.io', 'v1', 'namespaces', 'default', 'endpointslices'])}?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes`;
  const slices = slicesShape.safeParse(await ifAllowed(client, at, signal));
  if (!slices.success) return [];
  return slices.data.items.flatMap(({ endpoints, ports }) => {
    const port = ports?.find(({ name }) => name === 'https')?.port ?? 443;
    return (endpoints ?? []).flatMap(({ addresses }) =>
      addresses.map((host) => `https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    );
  });
}

/** @throws CodedError of the first server that cannot be asked: its address is in the text. */
export async function askAll(clients: readonly KubernetesClient[], signal?: AbortSignal): Promise<ServerReport[]> {
  return Promise.all(clients.map((client) => ask(client, signal)));
}

/**
 * Has the API servers ask their KMS plugins: they do for a health check, at most every 20 seconds, and of themselves once
 * a minute only. What the check says does not matter here.
 */
export async function haveThemAsk(clients: readonly KubernetesClient[], signal?: AbortSignal): Promise<void> {
  await Promise.allSettled(clients.map((client) => client.lines('/readyz', () => false, signal)));
}

/** @throws CodedError of the client. */
export async function ask(client: KubernetesClient, signal?: AbortSignal): Promise<ServerReport> {
  try {
    return serverReport(client.address, await client.lines('/metrics', isOfInterest, signal));
  } catch (thrown) {
    const error = toCoded(thrown);
    throw new CodedError(error.code, `API server ${client.address}: ${error.message}`, {
      remedy: error.remedy,
      cause: error,
    });
  }
}

/** API servers that live, by their Leases, and that no report is of; undefined when the Leases cannot be read. */
export async function missingServers(
  client: KubernetesClient,
  reports: readonly ServerReport[],
  signal?: AbortSignal,
): Promise<string[] | undefined> {
  const at = `${path(['apis', 'coordination.k8s.io', 'v1', 'namespaces', 'kube-system', 'leases'])}?labelSelector=apiserver.kubernetes.io%2Fidentity%3Dkube-apiserver`;
  const leases = leasesShape.safeParse(await ifAllowed(client, at, signal));
  if (!leases.success) return undefined;
  const found: IdentityLease[] = leases.data.items.map(({ metadata, spec }) => ({
    name: metadata.name,
    renewedAt: Date.parse(spec.renewTime),
  }));
  return unheard(found, reports);
}

/** Undefined where the credentials do not reach: the caller then knows less and says so. */
async function ifAllowed(client: KubernetesClient, at: string, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    return await client.request({ method: 'GET', path: at, ...(signal && { signal }) });
  } catch (error) {
    if (toCoded(error).code === 'KMS_DENIED') return undefined;
    throw error;
  }
}
