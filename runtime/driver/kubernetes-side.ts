/** What this process sees of Kubernetes: mounted files, and what the tenant agent gives. It has no identity of its own there. */
import { mountedSecrets } from '../kms/mounted-secrets';
import type { TenantDirectory } from '../kms/tenant-directory';
import { mountedOrOfTenant } from '../kms/tenant-secrets';
import type { SecretReader } from '../secret-reader';
import { TenantAgentClient } from '../tenant-agent/client';

export interface KubernetesSideOptions {
  readonly secretsDirectory: string;
  readonly tenantAgentEndpoint?: string;
  readonly podNamespace?: string | undefined;
}

export interface KubernetesSide {
  readonly secrets: SecretReader;
  readonly tenants?: TenantDirectory;
  readonly closeTenants: () => void;
}

/** @throws CodedError CONFIG_INVALID for an endpoint that is none. */
export function kubernetesSide({
  secretsDirectory,
  tenantAgentEndpoint: endpoint,
  podNamespace,
}: KubernetesSideOptions): KubernetesSide {
  if (endpoint === undefined) return { secrets: mountedSecrets(secretsDirectory), closeTenants: () => undefined };
  const tenants = new TenantAgentClient({ endpoint });
  const secrets = mountedOrOfTenant(secretsDirectory, tenants, podNamespace);
  return { secrets, tenants, closeTenants: () => tenants.close() };
}
