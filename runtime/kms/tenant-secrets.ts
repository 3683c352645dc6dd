/** Secrets that providers read by name: what is mounted into the pod counts, everything else is the tenant agent's to give. */

import { isCoded } from '../errors';
import type { SecretReader } from '../secret-reader';
import { mountedSecrets } from './mounted-secrets';
import { type TenantDirectory, tenantHasNo } from './tenant-directory';

/**
 * @param folder Secrets as `<namespace>/<name>/<key>`
 * @param ownNamespace namespace of the driver, whose Secrets are mounted: the agent is not asked for what is absent there
 */
export function mountedOrOfTenant(folder: string, directory: TenantDirectory, ownNamespace?: string): SecretReader {
  const mounted = mountedSecrets(folder);
  return {
    async read(namespace, name, key) {
      try {
        return await mounted.read(namespace, name, key);
      } catch (error) {
        if (!isCoded(error, 'SECRET_MISSING') || namespace === ownNamespace) throw error;
      }
      const secret = await directory.secret({ namespace, name, key });
      if (secret) return secret;
      throw tenantHasNo(`Secret ${name}`, namespace);
    },
  };
}
