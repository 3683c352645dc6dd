// The written types of the roles of auth methods. The schemas that check them are auth-methods.ts's. Durations are seconds.

/** The life of the tokens that a login gives. Most auth methods have it in their roles. */
export interface TokenLife {
  /**
   * Names of the policies that the token has.
   * @default - none but `default`
   */
  readonly tokenPolicies?: readonly string[];
  /**
   * How long the token lives, unless it is renewed. 0: as the server is configured.
   * @default 0
   */
  readonly tokenTtl?: number;
  /**
   * How long it may live with all renewals. 0: as the server is configured.
   * @default 0
   */
  readonly tokenMaxTtl?: number;
  /**
   * Renewals give this much each time, without an end. 0: the token is not periodic.
   * @default 0
   */
  readonly tokenPeriod?: number;
  /**
   * `service` tokens can be renewed and revoked, `batch` tokens cannot and cost the server nothing.
   * @default default
   */
  readonly tokenType?: 'default' | 'service' | 'batch';
  /**
   * Addresses, as CIDR blocks, from which the token may be used.
   * @default - anywhere
   */
  readonly tokenBoundCidrs?: readonly string[];
  /**
   * How many requests the token is good for. 0: no bound.
   * @default 0
   */
  readonly tokenNumUses?: number;
  /**
   * Without the policy `default`.
   * @default false
   */
  readonly tokenNoDefaultPolicy?: boolean;
}

/** A role of Kubernetes auth: which service accounts may log in, and what they may do (trap 5). */
export interface KubernetesRole extends TokenLife {
  /** Names of the service accounts. `*` lets every name in. */
  readonly boundServiceAccountNames: readonly string[];
  /** Namespaces of the service accounts. `*` lets every namespace in; not both. */
  readonly boundServiceAccountNamespaces: readonly string[];
  /**
   * Audience that the token of the service account must have.
   * @default - any
   */
  readonly audience?: string;
  /**
   * What names the identity: the account's uid, or its namespace and name, which also a later account of that name has.
   * @default serviceaccount_uid
   */
  readonly aliasNameSource?: 'serviceaccount_uid' | 'serviceaccount_name';
}

/** A role of AppRole auth. Its role id is the server's to draw, its secret ids are made when they are wanted. */
export interface AppRole extends TokenLife {
  /**
   * A login needs a secret id beside the role id.
   * @default true
   */
  readonly bindSecretId?: boolean;
  /**
   * How long a secret id lives. 0: it never ends.
   * @default 0
   */
  readonly secretIdTtl?: number;
  /**
   * How many logins a secret id is good for. 0: no bound.
   * @default 0
   */
  readonly secretIdNumUses?: number;
  /**
   * Addresses, as CIDR blocks, from which a secret id may be used.
   * @default - anywhere
   */
  readonly secretIdBoundCidrs?: readonly string[];
}

/** A token role: what a token may be that is made for it. */
export interface TokenRole {
  /**
   * Policies that a token may be given; it has all of them if none is asked for.
   * @default - those of who makes the token
   */
  readonly allowedPolicies?: readonly string[];
  /**
   * Policies that a token may not be given.
   * @default - none
   */
  readonly disallowedPolicies?: readonly string[];
  /**
   * The token has no parent, and so outlives who made it.
   * @default false
   */
  readonly orphan?: boolean;
  /**
   * The token can be renewed.
   * @default true
   */
  readonly renewable?: boolean;
  /**
   * Renewals give this much each time, without an end. 0: the token is not periodic.
   * @default 0
   */
  readonly tokenPeriod?: number;
  /**
   * How long the token may live, whatever its renewals. 0: no such bound.
   * @default 0
   */
  readonly tokenExplicitMaxTtl?: number;
  /**
   * Addresses, as CIDR blocks, from which the token may be used.
   * @default - anywhere
   */
  readonly tokenBoundCidrs?: readonly string[];
  /**
   * Without the policy `default`.
   * @default false
   */
  readonly tokenNoDefaultPolicy?: boolean;
  /**
   * The type of token, or with `default-` the one for who asks for none.
   * @default default-service
   */
  readonly tokenType?: 'default-service' | 'default-batch' | 'service' | 'batch';
}

/** A role of TLS certificate auth. */
export interface CertRole extends TokenLife {
  /** PEM of the CA, or of the certificate itself; not a secret. */
  readonly certificate: string;
  /**
   * Common names of which the certificate must have one; `*` stands for any text.
   * @default - any
   */
  readonly allowedCommonNames?: readonly string[];
  /**
   * DNS names of which the certificate must have one; `*` stands for any text.
   * @default - any
   */
  readonly allowedDnsSans?: readonly string[];
  /**
   * URIs of which the certificate must have one; `*` stands for any text.
   * @default - any
   */
  readonly allowedUriSans?: readonly string[];
}

/** A role of JWT auth. */
export interface JwtRole extends TokenLife {
  /** The claim that names the identity. */
  readonly userClaim: string;
  /**
   * Audiences of which the token must have one.
   * @default - none
   */
  readonly boundAudiences?: readonly string[];
  /**
   * Subject that the token must have.
   * @default - any
   */
  readonly boundSubject?: string;
  /**
   * Claims that the token must have, each with its value or one of its values.
   * @default - none
   */
  readonly boundClaims?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Claims that become metadata of the identity, by claim.
   * @default - none
   */
  readonly claimMappings?: Readonly<Record<string, string>>;
}
