/**
 * `keyward tenant-agent`, put together. Whoever may open the socket may ask: it has mode 0600 and lies in a folder that
 * only the two containers of the pod share. (Node.js has no SO_PEERCRED to look at the peer by.)
 */
import { labelName } from '../../lib/schema/names';
import { openKmsConfig } from '../driver/config-files';
import { type HealthServer, serveHealth } from '../driver/health';
import { createMetrics } from '../driver/metrics';
import { CodedError } from '../errors';
import { TenantAgent } from '../grpc/gen/tenant_agent_pb';
import { type RunningServer, serveOnSocket } from '../grpc/server';
import { bindService, InFlightCalls } from '../grpc/service';
import { socketPath } from '../grpc/socket';
import type { KubernetesAccess } from '../kubernetes/access';
import { KubernetesClient } from '../kubernetes/client';
import type { Log } from '../log';
import { tenantAgentHandlers } from './handlers';
import { TenantObjects, type TenantObjectsOptions } from './tenant-objects';

export interface AgentOptions {
  readonly version: string;
  /** `unix:///…`. */
  readonly endpoint: string;
  readonly kmsConfigFile: string;
  /** Namespaces that are served; undefined: those whose RBAC lets the agent. */
  readonly tenants?: readonly string[];
  /** Namespace of the driver. */
  readonly namespace: string;
  readonly access: KubernetesAccess;
  /** 0: off. */
  readonly healthPort: number;
  readonly log: Log;
  readonly cache?: TenantObjectsOptions['cache'];
}

export interface Agent {
  close(graceMs: number): Promise<void>;
}

/** @throws CodedError CONFIG_*, SOCKET_OCCUPIED: nothing is left running then. The API server need not answer yet. */
export async function startTenantAgent(options: AgentOptions): Promise<Agent> {
  const { log, namespace, tenants, cache } = options;
  for (const name of [namespace, ...(tenants ?? [])]) requireNamespace(name);
  const kms = await openKmsConfig(options.kmsConfigFile, log);
  const path = socketPath(options.endpoint);
  const objects = new TenantObjects(
    { kms, namespace, ...(tenants && { tenants: new Set(tenants) }), ...(cache && { cache }) },
    new KubernetesClient(options.access),
  );
  const metrics = createMetrics();
  const calls = new InFlightCalls();
  const service = bindService(TenantAgent, tenantAgentHandlers(objects), { log, calls, onCall: metrics.observeCall });
  const servers: (RunningServer | HealthServer)[] = [];
  const closeAll = async () => {
    for (const server of servers.reverse()) await server.close();
    objects.close();
  };
  try {
    servers.push(await serveOnSocket(path, [service]));
    if (options.healthPort > 0) {
      servers.push(await serveHealth({ port: options.healthPort, metrics, ready: async () => undefined }));
    }
  } catch (error) {
    await closeAll();
    throw error;
  }
  log.info('serving', { path: options.endpoint, version: options.version, address: options.access.address });
  return {
    close: async (graceMs) => {
      await calls.close(graceMs);
      await closeAll();
    },
  };
}

function requireNamespace(name: string): void {
  if (labelName.safeParse(name).success) return;
  throw new CodedError('CONFIG_INVALID', `${JSON.stringify(name.slice(0, 80))} is not a namespace`, {
    remedy: 'Give the names of namespaces.',
  });
}
