// The written types of the ways to log in. The schemas that check them are auth-methods.ts's.
import type { SecretSource } from './fields';
import type { AppRole, CertRole, JwtRole, KubernetesRole, TokenRole } from './role-types';

/** A way to log in, of one of the types that keyward knows. */
export type AuthMethod = KubernetesAuth | AppRoleAuth | TokenAuth | CertAuth | JwtAuth;

/** Login by the token of a Kubernetes service account, which the API server checks. */
export interface KubernetesAuth {
  /** The type. */
  readonly type: 'kubernetes';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /** The API server that checks the tokens. */
  readonly config: KubernetesAuthConfig;
  /**
   * Roles by name.
   * @default - none
   */
  readonly roles?: Readonly<Record<string, KubernetesRole>>;
}

/** How Vault asks the API server whether a token is good. */
export interface KubernetesAuthConfig {
  /** URL of the API server, as seen from Vault. */
  readonly kubernetesHost: string;
  /**
   * CA of the API server as PEM; not a secret.
   * @default - the one in Vault's own pod with `vault-own-token`, else those of the system
   */
  readonly kubernetesCaCert?: string;
  /** Who asks (R4). */
  readonly reviewer: TokenReviewMode;
  /**
   * Issuer that the token must have.
   * @default - it is not checked
   */
  readonly issuer?: string;
}

/**
 * Whose token asks the API server (R4): that of Vault's own pod, in the same cluster; the one that logs in, whose account may
 * review tokens; or a long-lived one, which is named and not written down.
 */
export type TokenReviewMode =
  | { readonly mode: 'vault-own-token' }
  | { readonly mode: 'client-token' }
  | { readonly mode: 'reviewer-token'; readonly tokenReviewerJwt: SecretSource };

/** Login by role id and secret id. */
export interface AppRoleAuth {
  /** The type. */
  readonly type: 'approle';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /**
   * Roles by name.
   * @default - none
   */
  readonly roles?: Readonly<Record<string, AppRole>>;
}

/** The tokens themselves. Only at the path `token`, which is always there. */
export interface TokenAuth {
  /** The type. */
  readonly type: 'token';
  /**
   * Roles by name.
   * @default - none
   */
  readonly roles?: Readonly<Record<string, TokenRole>>;
}

/** Login by a TLS certificate. */
export interface CertAuth {
  /** The type. */
  readonly type: 'cert';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /**
   * Roles by name.
   * @default - none
   */
  readonly roles?: Readonly<Record<string, CertRole>>;
}

/** Login by a signed token, which Vault checks by itself. */
export interface JwtAuth {
  /** The type. */
  readonly type: 'jwt';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /** Where the keys are that tokens are checked with. */
  readonly config: JwtAuthConfig;
  /**
   * Roles by name.
   * @default - none
   */
  readonly roles?: Readonly<Record<string, JwtRole>>;
}

/** Where Vault has the keys that tokens are checked with: written down, at a URL, or by OIDC discovery. */
export interface JwtAuthConfig {
  /**
   * The public keys as PEM.
   * @default - they are at jwksUrl or oidcDiscoveryUrl
   */
  readonly jwtValidationPubkeys?: readonly string[];
  /**
   * URL of a JSON Web Key Set.
   * @default - none
   */
  readonly jwksUrl?: string;
  /**
   * CA of that URL as PEM.
   * @default - the CAs of the system
   */
  readonly jwksCaPem?: string;
  /**
   * URL of an OIDC provider, without `.well-known`.
   * @default - none
   */
  readonly oidcDiscoveryUrl?: string;
  /**
   * CA of that URL as PEM.
   * @default - the CAs of the system
   */
  readonly oidcDiscoveryCaPem?: string;
  /**
   * Issuer that the token must have.
   * @default - any
   */
  readonly boundIssuer?: string;
}
