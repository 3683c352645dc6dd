/** The agent's gRPC service: translates between the wire and the port. */
import type { TenantAgent } from '../grpc/gen/tenant_agent_pb';
import type { Handlers } from '../grpc/service';
import type { TenantDirectory } from '../kms/tenant-directory';
import type { Secret } from '../secret';

export function tenantAgentHandlers(directory: TenantDirectory): Handlers<typeof TenantAgent> {
  return {
    getSecret: async ({ namespace, name, key, orOfDriver, fresh }, { signal }) => {
      const value = await directory.secret({ namespace, name, key, orOfDriver }, { fresh, signal });
      return value ? { found: true, value: lent(value) } : { found: false };
    },

    getConfigMap: async ({ namespace, name, fresh }, { signal }) => {
      const data = await directory.configMap({ namespace, name }, { fresh, signal });
      return data ? { found: true, data: { ...data } } : { found: false };
    },

    createToken: async ({ namespace, serviceAccount: name, audience }, { signal }) => {
      const token = await directory.serviceAccountToken({ namespace, name, ...(audience && { audience }) }, { signal });
      return token ? { found: true, token: lent(token) } : { found: false };
    },
  };
}

/** The bytes become part of the answer, which is written once and then garbage. */
function lent(secret: Secret): Uint8Array<ArrayBuffer> {
  using value = secret;
  return value.use((bytes) => new Uint8Array(bytes));
}
