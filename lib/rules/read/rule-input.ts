// What is given to the rules.

/** What the rules know besides the objects. Everything may be left out; a rule that needs it then keeps silent. */
export interface RuleContext {
  /** Version of Kubernetes that the objects are for, e.g. `1.31`. */
  readonly clusterVersion?: string;
  /** Version of the csi-addons controller, e.g. `0.14.0`. */
  readonly csiAddonsVersion?: string;
  /** In `dev`, what is only dangerous with real data is a warning. */
  readonly environment?: 'dev' | 'prod';
  /** Providers and keys whose data was moved and proved readable: names of EncryptionConfiguration providers, KMS ids, `mount/key`. */
  readonly migrated?: readonly string[];
}

/** What is checked. */
export interface RuleInput {
  /** Kubernetes objects as plain data. What is none is left alone. */
  readonly objects: readonly unknown[];
  /** The desired state of the Vault (`VaultState`), also one that may not be valid. */
  readonly vault?: unknown;
  /** The objects that are there now, for what must not change. */
  readonly previous?: readonly unknown[];
  /** The state of the Vault that is there now. */
  readonly previousVault?: unknown;
  readonly context?: RuleContext;
}
