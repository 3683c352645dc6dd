// The desired state of a Vault or OpenBao, as plain data (design, decision 2). Names are those of Vault's API in camel case;
// durations are seconds. Every delivery reads this one value: Pulumi, `keyward vault apply`, vault-config-operator.
import * as z from 'zod';
import { decodeWith } from '../schema/decode';
import { labelName, objectName } from '../schema/names';
import type { SecretRef } from '../schema/secret-ref';

/** A path of a mount, an auth method or a namespace: no slash first or last, no empty or dotted part. */
const path = z.string().regex(/^(?!\.{1,2}(\/|$))[^/\s*+?#%]+(\/(?!\.{1,2}(\/|$))[^/\s*+?#%]+)*$/, {
  error: 'is not a path without a leading or closing slash',
});
const name = z.string().regex(/^[\w.-]{1,128}$/, { error: 'is not a name of letters, digits, "-", "_" and "."' });
const policyName = z.string().regex(/^[a-z0-9][\w.-]{0,127}$/, { error: 'is not a policy name in lower case' });
const seconds = z.int().min(0);
const description = z.string().max(1024);

/** Where `keyward vault apply` and the Job take a value that must not stand in the state. */
const secretSource = z.union([
  z.strictObject({ file: z.string().min(1).describe('path of a file that holds it') }),
  z.strictObject({
    secret: z.strictObject({ name: objectName, namespace: labelName.exactOptional(), key: z.string().min(1) }),
  }),
]);

const kvMount = z.strictObject({
  type: z.literal('kv'),
  description: description.exactOptional(),
  version: z.union([z.literal(1), z.literal(2)]).describe('declared, never detected: the policies follow from it'),
  maxVersions: z.int().min(0).describe('versions kept of each entry; version 2 only').exactOptional(),
  casRequired: z.boolean().describe('every write must say which version it replaces; version 2 only').exactOptional(),
  deleteVersionAfter: seconds.describe('version 2 only').exactOptional(),
});

/** Key types of transit that encrypt. */
export const transitKeyTypes = ['aes256-gcm96', 'aes128-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305'] as const;

const transitKey = z.strictObject({
  type: z.enum(transitKeyTypes).exactOptional(),
  autoRotatePeriod: z
    .union([z.literal(0), seconds.min(3600)])
    .describe('0 turns it off')
    .exactOptional(),
  deletionAllowed: z.boolean().describe('unset or false: the key is protected').exactOptional(),
  minDecryptionVersion: z.int().min(1).exactOptional(),
  minEncryptionVersion: z.int().min(0).exactOptional(),
});

const transitMount = z.strictObject({
  type: z.literal('transit'),
  description: description.exactOptional(),
  keys: z.record(name, transitKey).exactOptional(),
});

/** Capabilities of Vault's policy language. */
export const capabilities = ['create', 'read', 'update', 'patch', 'delete', 'list', 'sudo', 'deny'] as const;

const policyRule = z.strictObject({
  path: z.string().min(1).describe('as the policy language has it: may end with *, may hold + and {{identity…}}'),
  capabilities: z.array(z.enum(capabilities)).min(1),
  comment: z.string().describe('why, for who reads the policy at the server').exactOptional(),
});

const policy = z.strictObject({ rules: z.array(policyRule) });

/** What the roles of most auth methods share: the life of the tokens that a login gives. */
const tokenLife = {
  tokenPolicies: z.array(policyName).exactOptional(),
  tokenTtl: seconds.exactOptional(),
  tokenMaxTtl: seconds.exactOptional(),
  tokenPeriod: seconds.exactOptional(),
  tokenType: z.enum(['default', 'service', 'batch']).exactOptional(),
  tokenBoundCidrs: z.array(z.string()).exactOptional(),
  tokenNumUses: z.int().min(0).exactOptional(),
  tokenNoDefaultPolicy: z.boolean().exactOptional(),
};

/** Who asks the API server whether a pod's token is good (R4). */
const reviewer = z.discriminatedUnion('mode', [
  z.strictObject({
    mode: z.literal('vault-own-token').describe('Vault runs in this cluster: the token of its own pod'),
  }),
  z.strictObject({ mode: z.literal('client-token').describe('the token that logs in; its account may review tokens') }),
  z.strictObject({ mode: z.literal('reviewer-token').describe('a long-lived token'), tokenReviewerJwt: secretSource }),
]);

const kubernetesRole = z.strictObject({
  boundServiceAccountNames: z.array(z.string()).min(1),
  boundServiceAccountNamespaces: z.array(z.string()).min(1),
  audience: z.string().exactOptional(),
  aliasNameSource: z.enum(['serviceaccount_uid', 'serviceaccount_name']).exactOptional(),
  ...tokenLife,
});

const kubernetesAuth = z.strictObject({
  type: z.literal('kubernetes'),
  description: description.exactOptional(),
  config: z.strictObject({
    kubernetesHost: z.url({ protocol: /^https?$/, error: 'is not the URL of an API server' }),
    kubernetesCaCert: z.string().describe('PEM; not a secret').exactOptional(),
    reviewer,
    issuer: z.string().describe('only if the issuer must be checked').exactOptional(),
  }),
  roles: z.record(name, kubernetesRole).exactOptional(),
});

const appRole = z.strictObject({
  bindSecretId: z.boolean().exactOptional(),
  secretIdTtl: seconds.describe('0: never ends').exactOptional(),
  secretIdNumUses: z.int().min(0).exactOptional(),
  secretIdBoundCidrs: z.array(z.string()).exactOptional(),
  ...tokenLife,
});

const tokenRole = z.strictObject({
  allowedPolicies: z.array(policyName).exactOptional(),
  disallowedPolicies: z.array(policyName).exactOptional(),
  orphan: z.boolean().exactOptional(),
  renewable: z.boolean().exactOptional(),
  tokenPeriod: seconds.exactOptional(),
  tokenExplicitMaxTtl: seconds.exactOptional(),
  tokenBoundCidrs: z.array(z.string()).exactOptional(),
  tokenNoDefaultPolicy: z.boolean().exactOptional(),
  tokenType: z.enum(['default-service', 'default-batch', 'service', 'batch']).exactOptional(),
});

const certRole = z.strictObject({
  certificate: z.string().describe('PEM of the CA, or of the certificate itself; not a secret'),
  allowedCommonNames: z.array(z.string()).exactOptional(),
  allowedDnsSans: z.array(z.string()).exactOptional(),
  allowedUriSans: z.array(z.string()).exactOptional(),
  ...tokenLife,
});

const jwtRole = z.strictObject({
  userClaim: z.string().min(1),
  boundAudiences: z.array(z.string()).exactOptional(),
  boundSubject: z.string().exactOptional(),
  boundClaims: z.record(z.string(), z.union([z.string(), z.array(z.string())])).exactOptional(),
  claimMappings: z.record(z.string(), z.string()).exactOptional(),
  ...tokenLife,
});

const authMethod = z.discriminatedUnion('type', [
  kubernetesAuth,
  z.strictObject({
    type: z.literal('approle'),
    description: description.exactOptional(),
    roles: z.record(name, appRole).exactOptional(),
  }),
  z.strictObject({
    type: z.literal('token').describe('only at the path "token", which is always there'),
    roles: z.record(name, tokenRole).exactOptional(),
  }),
  z.strictObject({
    type: z.literal('cert'),
    description: description.exactOptional(),
    roles: z.record(name, certRole).exactOptional(),
  }),
  z.strictObject({
    type: z.literal('jwt'),
    description: description.exactOptional(),
    config: z.strictObject({
      jwtValidationPubkeys: z.array(z.string()).exactOptional(),
      jwksUrl: z.string().exactOptional(),
      jwksCaPem: z.string().exactOptional(),
      oidcDiscoveryUrl: z.string().exactOptional(),
      oidcDiscoveryCaPem: z.string().exactOptional(),
      boundIssuer: z.string().exactOptional(),
    }),
    roles: z.record(name, jwtRole).exactOptional(),
  }),
]);

const rateLimitQuota = z.strictObject({
  path: z.string().describe('mount or namespace it holds for; empty: everything').exactOptional(),
  rate: z.number().positive().describe('requests per interval'),
  interval: seconds.min(1).exactOptional(),
  blockInterval: seconds.exactOptional(),
});

const auditDevice = z.strictObject({
  type: z.enum(['file', 'socket', 'syslog']),
  description: description.exactOptional(),
  options: z.record(z.string(), z.string()).exactOptional(),
});

const namespace = z.strictObject({
  mounts: z.record(path, z.discriminatedUnion('type', [kvMount, transitMount])).exactOptional(),
  policies: z.record(policyName, policy).exactOptional(),
  auth: z.record(path, authMethod).exactOptional(),
  quotas: z.record(name, rateLimitQuota).describe('rate limits; only of the root namespace').exactOptional(),
  audit: z.record(path, auditDevice).describe('only of the root namespace').exactOptional(),
});

const vaultState = z.strictObject({
  owner: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: 'is not a name of lower-case letters, digits and "-"' })
    .describe('who keeps this state: marks what is ours, so that two states can share a server'),
  namespaces: z
    .record(z.union([z.literal(''), path]), namespace)
    .describe('by path; the empty one is the root namespace, or the one that the client is set to'),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The desired state of a Vault or OpenBao: what is not in it is not touched. */
export type VaultState = DeepReadonly<z.output<typeof vaultState>>;
/** What one namespace shall hold. */
export type VaultNamespace = DeepReadonly<z.output<typeof namespace>>;
export type KvMount = DeepReadonly<z.output<typeof kvMount>>;
export type TransitMount = DeepReadonly<z.output<typeof transitMount>>;
export type TransitKey = DeepReadonly<z.output<typeof transitKey>>;
export type Policy = DeepReadonly<z.output<typeof policy>>;
export type PolicyRule = DeepReadonly<z.output<typeof policyRule>>;
export type Capability = (typeof capabilities)[number];
export type AuthMethod = DeepReadonly<z.output<typeof authMethod>>;
export type KubernetesAuth = DeepReadonly<z.output<typeof kubernetesAuth>>;
export type KubernetesRole = DeepReadonly<z.output<typeof kubernetesRole>>;
export type AppRole = DeepReadonly<z.output<typeof appRole>>;
export type TokenRole = DeepReadonly<z.output<typeof tokenRole>>;
export type CertRole = DeepReadonly<z.output<typeof certRole>>;
export type JwtRole = DeepReadonly<z.output<typeof jwtRole>>;
export type RateLimitQuota = DeepReadonly<z.output<typeof rateLimitQuota>>;
export type AuditDevice = DeepReadonly<z.output<typeof auditDevice>>;
/** Where a value is that must not stand in the state. */
export type SecretSource = { readonly file: string } | { readonly secret: SecretRef & { readonly key: string } };

/** Reads a state, for example the parsed text of a file. Throws a SchemaError that names every fault. */
export function decodeVaultState(value: unknown): VaultState {
  return decodeWith(vaultState, value, 'the state of the Vault');
}
