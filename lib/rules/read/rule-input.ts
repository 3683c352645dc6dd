// What is given to the rules.
import type { ReadYaml } from './embedded-documents';

/** What the rules know besides the objects. Everything may be left out; a rule that needs it then keeps silent. */
export interface RuleContext {
  /**
   * Version of Kubernetes that the objects are for, e.g. `1.31`.
   * @default - not known
   */
  readonly clusterVersion?: string;
  /**
   * Version of the csi-addons controller, e.g. `0.14.0`.
   * @default - not known
   */
  readonly csiAddonsVersion?: string;
  /**
   * In `dev`, what is only dangerous with real data is a warning.
   * @default prod
   */
  readonly environment?: 'dev' | 'prod';
  /**
   * Providers and keys whose data was moved and proved readable: names of EncryptionConfiguration providers, KMS ids, `mount/key`.
   * @default - none
   */
  readonly migrated?: readonly string[];
}

/** What is checked. */
export interface RuleInput {
  /** Kubernetes objects as plain data. What is none is left alone. */
  readonly objects: readonly unknown[];
  /**
   * The desired state of the Vault (`VaultState`), also one that may not be valid.
   * @default - the rules that need it keep silent
   */
  readonly vault?: unknown;
  /**
   * Whether there may be more at the Vault than `vault` says: a role that is not in it may then exist.
   * @default - false for a state that is given; true for one that is read from manifests of vault-config-operator
   */
  readonly vaultIsPartial?: boolean;
  /**
   * The objects that are there now, for what must not change.
   * @default - nothing is compared
   */
  readonly previous?: readonly unknown[];
  /**
   * The state of the Vault that is there now.
   * @default - nothing is compared
   */
  readonly previousVault?: unknown;
  /**
   * What is known besides.
   * @default - nothing
   */
  readonly context?: RuleContext;
  /**
   * Reads YAML that stands as text in ConfigMaps and Secrets, such as an EncryptionConfiguration for the nodes:
   * `(text) => parseAllDocuments(text).map((each) => each.toJS())` of the package yaml.
   * @default - only text that is JSON is looked into
   */
  readonly readYaml?: ReadYaml;
}
