// Ways to log in, with their roles. Secrets are named, never written (design, decision 4).
import * as z from 'zod';
import type { Same } from '../schema/written-type';
import type { AuthMethod, KubernetesAuth } from './auth-types';
import { description, name, policyName, seconds, secretSource } from './fields';
import type { AppRole, CertRole, JwtRole, KubernetesRole, TokenRole } from './role-types';

export type {
  AppRoleAuth,
  AuthMethod,
  CertAuth,
  JwtAuth,
  JwtAuthConfig,
  KubernetesAuth,
  KubernetesAuthConfig,
  TokenAuth,
  TokenReviewMode,
} from './auth-types';
export type { AppRole, CertRole, JwtRole, KubernetesRole, TokenLife, TokenRole } from './role-types';

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

/** A way to log in, of one of the types that keyward knows. */
export const authMethod = z.discriminatedUnion('type', [
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

true satisfies Same<AuthMethod, z.output<typeof authMethod>>;
true satisfies Same<KubernetesAuth, z.output<typeof kubernetesAuth>>;
true satisfies Same<KubernetesRole, z.output<typeof kubernetesRole>>;
true satisfies Same<AppRole, z.output<typeof appRole>>;
true satisfies Same<TokenRole, z.output<typeof tokenRole>>;
true satisfies Same<CertRole, z.output<typeof certRole>>;
true satisfies Same<JwtRole, z.output<typeof jwtRole>>;
