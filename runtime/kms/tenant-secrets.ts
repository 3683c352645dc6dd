/** Secrets that providers read by name: what is mounted into the pod counts, everything else is the tenant agent's to give. */

import { isCoded } from '../errors';
import { mountedSecrets } from './mounted-secrets';
import type { SecretReader } from './secret-reader';
import { type TenantDirectory, tenantHasNo } from './tenant-directory';

/** @param folder Secrets as `<namespace>/<name>/<key>`. */
export function mountedOrOfTenant(folder: string, directory: TenantDirectory): SecretReader {
  const mounted = mountedSecrets(folder);
  return {
    async read(namespace, name, key) {
      try {
        return await mounted.read(namespace, name, key);
      } catch (error) {
        if (!isCoded(error, 'SECRET_MISSING')) throw error;
      }
      const secret = await directory.secret({ namespace, name, key });
      if (secret) return secret;
      throw tenantHasNo(`Secret ${name}`, namespace);
    },
  };
}
