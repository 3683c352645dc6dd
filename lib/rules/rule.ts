// What a rule is. Each of the fifteen traps is one, in a file of its own.
import type { Cluster } from './read/cluster';
import type { KubernetesObject } from './read/kubernetes-object';
import type { RuleInput } from './read/rule-input';

export type { RuleContext, RuleInput } from './read/rule-input';

/** `error` fails a synth, a preview and a lint; `warning` is told and fails nothing. */
export type Severity = 'error' | 'warning';

/** One thing that is wrong, as a rule tells it. */
export interface Fault {
  /** Where: an object, or the state of the Vault. */
  readonly object: KubernetesObject | 'VaultState';
  /** Path inside the object, e.g. `parameters.encrypted`. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What was found. Never free text that may be a secret. */
  readonly got?: string;
  /** What would be right. */
  readonly allowed?: string;
  /**
   * What to change.
   * @default - the remedy of the rule
   */
  readonly remedy?: string;
  /**
   * How bad it is.
   * @default - the severity of the rule
   */
  readonly severity?: Severity;
}

/** A pair of inputs: the rule finds something in the first and nothing in the second. */
export interface RuleExamples {
  /** The rule finds something in it. */
  readonly failing: RuleInput;
  /** The rule finds nothing in it. */
  readonly passing: RuleInput;
}

/** One of the fifteen traps. */
export interface Rule {
  /** Stable id, `KW01` to `KW15`: the number of the trap. */
  readonly id: string;
  /** A few words of the id, for file names and code hosting: `encryption-ignored`. */
  readonly slug: string;
  /** What goes wrong, in a few words. */
  readonly title: string;
  /** How bad it is, unless a fault says otherwise. */
  readonly severity: Severity;
  /** What goes wrong in a cluster, for the page of the rule. */
  readonly why: string;
  /** How it is known: reported by users, read in the source of the system, or stated in its documentation. */
  readonly evidence: { readonly known: 'reported' | 'source' | 'documented'; readonly where: string };
  /** What to change. */
  readonly remedy: string;
  /** What is looked at, one line each, for the page of the rule. */
  readonly checks: readonly string[];
  /**
   * Pure: the same cluster gives the same faults in the same order. `checkRules` is how it is run.
   * @internal
   */
  readonly check: (cluster: Cluster) => Iterable<Fault>;
}

/** One thing that is wrong, complete. */
export interface Finding {
  /** Id of the rule. */
  readonly rule: string;
  /** How bad it is. */
  readonly severity: Severity;
  /** The object for people: `StorageClass fast`; `VaultState`. */
  readonly object: string;
  /** Position of the object in the input; absent for the state of the Vault, and for an object that is gone. */
  readonly index?: number;
  /** Path inside the object, e.g. `parameters.encrypted`. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What was found. Never free text that may be a secret. */
  readonly got?: string;
  /** What would be right. */
  readonly allowed?: string;
  /** What to change. */
  readonly remedy: string;
}
