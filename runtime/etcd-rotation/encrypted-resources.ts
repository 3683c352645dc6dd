/** Which resources are encrypted and where they are likely to be written, as far as metrics tell without a write. */
import type { ServerReport } from './server-report';
import { identity } from './stored-value';
import type { Target } from './writers';

/** Resources that any API server has read or written under a provider other than plain text. */
export function encryptedResources(reports: readonly ServerReport[]): string[] {
  const names = reports.flatMap(({ operations }) =>
    operations.filter(({ provider }) => provider.startsWith('k8s:enc:')).map(({ resource }) => resource),
  );
  return names.length === 0 ? ['secrets'] : [...new Set(names)].sort();
}

/** Where a resource is likely to be written, for those who only look. Undefined: nothing tells. */
export function likelyTarget(reports: readonly ServerReport[], resource: string): Target | undefined {
  const keys = reports.flatMap((report) => report.keys);
  const written = reports.flatMap(({ operations }) =>
    operations.filter((each) => each.resource === resource && each.direction === 'to_storage'),
  );
  const providers = new Set([
    ...written.map(({ provider }) => provider),
    ...(written.length === 0 ? keys.map(({ provider }) => `k8s:enc:kms:v2:${provider}:`) : []),
  ]);
  const [provider] = providers;
  if (providers.size !== 1 || provider === undefined || provider === identity) return undefined;
  const hashes = new Set(
    keys.filter((key) => provider === `k8s:enc:kms:v2:${key.provider}:`).map((key) => key.keyIdHash),
  );
  const [keyIdHash] = hashes;
  if (hashes.size > 1) return undefined;
  return { provider, ...(keyIdHash !== undefined && { keyIdHash }) };
}
