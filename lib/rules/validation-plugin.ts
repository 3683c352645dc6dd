// The rules as a validation plugin of the cdk8s CLI, for any chart. Only the shape of its interface is used, so that
// nothing of cdk8s is needed to load this.
import { checkRules } from './check-rules';
import { isFields, textOf, wordsOf } from './read/values';
import type { Finding, RuleContext, RuleInput } from './rule';
import { rules } from './rules';

/** What the cdk8s CLI gives to a plugin, as far as it is used. */
export interface CdkValidationContext {
  /** Paths of the manifests. */
  readonly manifests: readonly string[];
  /** The documents of one file of YAML. */
  parseManifest(path: string): unknown[];
  /** Takes the violations, and then the outcome. */
  readonly report: {
    addViolation(violation: CdkViolation): void;
    submit(status: 'success' | 'failure'): void;
  };
  /** Where warnings go. */
  readonly logger: { log(message: string): void };
}

/** One violation in the report of the cdk8s CLI. */
export interface CdkViolation {
  /** Id of the rule, and its name. */
  readonly ruleName: string;
  /** What is wrong. */
  readonly recommendation: string;
  /** What to change. */
  readonly fix: string;
  /** The objects, with the paths inside them and the file that they are in. */
  readonly violatingResources: readonly {
    readonly resourceName: string;
    readonly locations: readonly string[];
    readonly manifestPath: string;
  }[];
}

/** Properties of the plugin in `cdk8s.yaml`. */
export interface KeywardValidationProps extends RuleContext {
  /**
   * File with the state of the Vault, JSON or YAML.
   * @default - the rules that need it keep silent
   */
  readonly vaultState?: string;
  /**
   * File with the earlier state of the Vault.
   * @default - nothing is compared
   */
  readonly previousVaultState?: string;
  /**
   * Files with the manifests that are there now.
   * @default - nothing is compared
   */
  readonly previous?: readonly string[];
  /**
   * Ids of rules that do not run.
   * @default - none
   */
  readonly skip?: readonly string[];
}

const known = [
  'vaultState',
  'previousVaultState',
  'previous',
  'skip',
  'clusterVersion',
  'csiAddonsVersion',
  'environment',
  'migrated',
];

/**
 * `validations:` of `cdk8s.yaml` names this class. Throws for a property that it does not know, since a misspelt one would
 * leave rules without what they need.
 */
export class KeywardValidation {
  readonly #props: KeywardValidationProps;

  constructor(properties: KeywardValidationProps = {}) {
    const unknown = Object.keys(properties).find((key) => !known.includes(key));
    if (unknown !== undefined) {
      throw new Error(`properties.${unknown}: is not known; allowed: ${known.join(', ')}. Remove it or correct it.`);
    }
    this.#props = properties;
  }

  /** Runs the rules over all manifests together and reports what they find. Warnings are logged and fail nothing. */
  async validate(context: CdkValidationContext): Promise<void> {
    const origins: string[] = [];
    const objects: unknown[] = [];
    for (const path of context.manifests) {
      for (const document of context.parseManifest(path)) {
        objects.push(document);
        origins.push(path);
      }
    }
    const findings = checkRules(this.#input(objects, context), { skip: wordsOf(this.#props.skip) });
    for (const finding of findings) {
      const manifestPath = (finding.index === undefined ? undefined : origins[finding.index]) ?? '';
      if (finding.severity === 'error') context.report.addViolation(violationOf(finding, manifestPath, objects));
      else
        context.logger.log(
          `warning: ${finding.rule} ${finding.object}: ${finding.path} ${finding.message}. ${finding.remedy}.`,
        );
    }
    context.report.submit(findings.some(({ severity }) => severity === 'error') ? 'failure' : 'success');
  }

  #input(objects: readonly unknown[], context: CdkValidationContext): RuleInput {
    const { vaultState, previousVaultState, previous, skip: _, ...ruleContext } = this.#props;
    const document = (path: string | undefined) => (path === undefined ? undefined : context.parseManifest(path)[0]);
    return {
      objects,
      context: ruleContext,
      ...(vaultState !== undefined && { vault: document(vaultState) }),
      ...(previousVaultState !== undefined && { previousVault: document(previousVaultState) }),
      ...(previous !== undefined && { previous: previous.flatMap((path) => context.parseManifest(path)) }),
    };
  }
}

function violationOf(finding: Finding, manifestPath: string, objects: readonly unknown[]): CdkViolation {
  const { rule, object, path, message, got, allowed, remedy, index } = finding;
  const title = rules.find(({ id }) => id === rule)?.title ?? rule;
  const details = [got && `got ${got}`, allowed && `allowed: ${allowed}`].filter(Boolean).join('; ');
  const held = index === undefined ? undefined : objects[index];
  // The CLI finds the construct by this name.
  const metadata = isFields(held) ? held.metadata : undefined;
  const name = isFields(metadata) ? textOf(metadata.name) : undefined;
  return {
    ruleName: `${rule} ${title}`,
    recommendation: `${object}: ${path} ${message}${details === '' ? '' : ` (${details})`}`,
    fix: remedy,
    violatingResources: [{ resourceName: name ?? object, locations: [path], manifestPath }],
  };
}
