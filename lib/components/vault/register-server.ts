// What holds for the whole server: rate limits and audit devices.
import type { Resource } from '@pulumi/pulumi';
import { Audit, QuotaRateLimit } from '@pulumi/vault';
import { childName, childOptions, namespaceOf, type VaultPlace } from './place';
import { writable } from './writable';

/** Registers quotas and audit devices. A quota waits for `limited`, since the server wants its path to be there. */
export function registerServer(place: VaultPlace, limited: readonly Resource[]): void {
  for (const [name, quota] of Object.entries(place.declared.quotas ?? {}))
    new QuotaRateLimit(
      childName(place, 'quota', name),
      { name, ...quota, ...namespaceOf(place) },
      childOptions(place, { dependsOn: [...limited] }),
    );
  for (const [path, { type, description, options = {} }] of Object.entries(place.declared.audit ?? {}))
    new Audit(
      childName(place, 'audit', path),
      {
        path,
        type,
        options: writable(options),
        ...(description !== undefined && { description }),
        ...namespaceOf(place),
      },
      childOptions(place),
    );
}
