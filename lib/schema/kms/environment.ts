// The environment spelling of ceph-csi (`KMS_PROVIDER`, `VAULT_ADDR` …). ceph-csi translates it for the two tenant types
// and for no other: a `vault` section selected by KMS_PROVIDER still carries camelCase keys.
import { goBoolean } from '../go-values';
import { nearest } from '../nearest';
import { SchemaError, type SchemaIssue } from '../schema-error';
import { kindOf } from '../zod-issues';
import type { KmsTypeName } from './definition';

/** The types whose environment spelling ceph-csi translates. */
export const environmentTypes = ['vaulttokens', 'vaulttenantsa'] as const satisfies readonly KmsTypeName[];

/** Environment key → section key, and the text that stands in when the key is missing. */
const translations = {
  KMS_PROVIDER: ['encryptionKMSType', ''],
  VAULT_ADDR: ['vaultAddress', ''],
  VAULT_BACKEND: ['vaultBackend', ''],
  VAULT_BACKEND_PATH: ['vaultBackendPath', ''],
  VAULT_DESTROY_KEYS: ['vaultDestroyKeys', 'true'],
  VAULT_CACERT: ['vaultCAFromSecret', ''],
  VAULT_TLS_SERVER_NAME: ['vaultTLSServerName', ''],
  VAULT_CLIENT_CERT: ['vaultClientCertFromSecret', ''],
  VAULT_CLIENT_KEY: ['vaultClientCertKeyFromSecret', ''],
  VAULT_AUTH_NAMESPACE: ['vaultAuthNamespace', ''],
  VAULT_NAMESPACE: ['vaultNamespace', ''],
  VAULT_SKIP_VERIFY: ['vaultCAVerify', 'false'],
} as const;

/**
 * The camelCase section that an environment section stands for. Keys match in any case, as in Go's JSON decoder; all keys
 * exist afterwards, empty where nothing was said. ceph-csi drops keys that it does not translate: here they are an error.
 */
export function translateEnvironment(
  section: Readonly<Record<string, unknown>>,
  subject: string,
): Readonly<Record<string, string>> {
  const given = new Map(Object.entries(section).map(([key, value]) => [key.toUpperCase(), { key, value }]));
  const translated = Object.entries(translations).map(([name, [target, missing]]) => {
    const { key, value } = given.get(name) ?? { key: name, value: missing };
    given.delete(name);
    if (typeof value === 'string') return [target, name === 'VAULT_SKIP_VERIFY' ? negated(value) : value];
    throw new SchemaError(subject, [
      { path: key, message: 'must be a string', got: kindOf(value), remedy: 'put the value in quotes' },
    ]);
  });
  const unknown = [...given.values()].map(({ key }) => unknownEnvironmentKey(key));
  if (unknown.length > 0) throw new SchemaError(subject, unknown);
  return Object.freeze(Object.fromEntries(translated));
}

function unknownEnvironmentKey(key: string): SchemaIssue {
  const allowed = Object.keys(translations);
  const meant = nearest(key, allowed);
  const remedy =
    meant === undefined ? 'use the camelCase spelling with encryptionKMSType' : `write ${JSON.stringify(meant)}`;
  return { path: key, message: 'is dropped by ceph-csi when KMS_PROVIDER is present', allowed, remedy };
}

/** ceph-csi turns text that is no boolean into an empty vaultCAVerify, which the section then refuses. */
function negated(text: string): string {
  const parsed = goBoolean.safeDecode(text);
  return parsed.success ? String(!parsed.data) : '';
}
