// The one error of lib/schema. It carries what a person needs to repair the input, and never the value of a secret:
// a value is quoted only where the key takes one of a closed list, a number or a boolean.

/** One thing that is wrong with an input, and what to do about it. */
export interface SchemaIssue {
  /** Where: keys joined by dots, e.g. `vault-eu.vaultAddress`. Empty when the input as a whole is meant. */
  readonly path: string;
  /** What is wrong, in a few words that follow the path. */
  readonly message: string;
  /** What was found. Never the text of a free value, since that may be a secret pasted into the wrong key. */
  readonly got?: string;
  /** The keys or values that are allowed there. */
  readonly allowed?: readonly string[];
  /** What to change. */
  readonly remedy: string;
}

/** Thrown by every decode and encode of lib/schema. */
export class SchemaError extends Error {
  /** The class, for who cannot ask by `instanceof`. */
  override readonly name = 'SchemaError';
  /** Everything that was found, at least one. */
  readonly issues: readonly SchemaIssue[];

  /**
   * @param subject what was read, e.g. `the KMS configuration`
   * @param issues at least one; all that were found, so that one run is enough to repair the input
   */
  constructor(subject: string, issues: readonly SchemaIssue[]) {
    super(`Not valid: ${subject}\n${issues.map(describe).join('\n')}`);
    this.issues = Object.freeze(issues.map((issue) => Object.freeze(issue)));
  }
}

function describe({ path, message, got, allowed, remedy }: SchemaIssue): string {
  const found = got === undefined ? '' : `, got ${got}`;
  const choice = allowed === undefined ? '' : ` (allowed: ${allowed.join(', ')})`;
  return `  - ${path === '' ? 'it' : path} ${message}${found}${choice}: ${remedy}`;
}
