// Any settings of the tenant types that the schema accepts.
import fc from 'fast-check';
import { settleKms, type VaultTenantSaKmsSettings, type VaultTokensKmsSettings } from '../../../lib/schema/kms';
import { address, dnsName } from './arbitraries';

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/).filter((text) => text !== 'auth' && text !== 'login');
const role = fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/);
const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const option = <T extends object>(value: fc.Arbitrary<T>): fc.Arbitrary<Partial<T>> => fc.oneof(fc.constant({}), value);

const tls = fc
  .tuple(
    fc.boolean(),
    option(dnsName.map((caFromSecret) => ({ caFromSecret }))),
    option(fc.tuple(dnsName, dnsName).map(([a, b]) => ({ clientCertFromSecret: a, clientCertKeyFromSecret: b }))),
    option(dnsName.map((serverName) => ({ serverName }))),
  )
  .map(([verify, ...rest]) => Object.assign({ verify }, ...rest));

const shared = fc
  .record({
    address,
    backend: fc.constantFrom('kv' as const, 'kv-v2' as const, 'detect' as const),
    backendPath: path,
    deletion: fc.constantFrom('destroy' as const, 'recoverable' as const, 'keep' as const),
    namespace: fc.oneof(fc.constant(''), path),
    authNamespace: fc.oneof(fc.constant(''), path),
    tls,
    tenantPrefix: fc.boolean(),
    tenantConfigName: dnsName,
  })
  .filter(({ backend, deletion }) => backend !== 'kv' || deletion !== 'recoverable');

const overrides = fc.oneof(
  fc.constantFrom({ overrides: 'none' as const }, { overrides: 'ceph-csi' as const }),
  fc.dictionary(dnsName, option(path.map((vaultNamespace) => ({ vaultNamespace }))), { maxKeys: 2 }).map((tenants) => ({
    overrides: 'documented' as const,
    tenants: tenants as Record<string, Record<string, string>>,
  })),
);

const vaultTokens: fc.Arbitrary<VaultTokensKmsSettings> = fc
  .tuple(shared, overrides, dnsName)
  .map(([rest, mode, tenantTokenName]) => settleKms('any', { type: 'vaulttokens', ...rest, ...mode, tenantTokenName }));

const vaultTenantSa: fc.Arbitrary<VaultTenantSaKmsSettings> = fc
  .tuple(shared, overrides, dnsName, path, role, option(word.map((audience) => ({ audience }))))
  .map(([rest, mode, tenantSAName, mountPath, role, more]) =>
    settleKms('any', { type: 'vaulttenantsa', ...rest, ...mode, tenantSAName, mountPath, role, ...more }),
  );

export const tenantSettings = fc.oneof(vaultTokens, vaultTenantSa);
