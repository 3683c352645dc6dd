/** Runs the validation plugin with the classes of the cdk8s CLI itself, as `cdk8s synth` does. */
import { join } from 'node:path';
import type { RuleInput } from '../../../lib/rules/rule';
import { KeywardValidation, type KeywardValidationProps } from '../../../lib/rules/validation-plugin';
import { writeInput } from './ways';

const cli = join(__dirname, '../../../node_modules/cdk8s-cli/lib/plugins');

/** The report of the CLI, as far as it is read here. */
interface Report {
  readonly success: boolean;
  toJson(): {
    readonly violations: readonly {
      readonly ruleName: string;
      readonly violatingConstructs: readonly { readonly manifestPath: string }[];
    }[];
  };
  toString(): string;
}

/** The report for manifests. The package hides the module behind `exports`, so it is loaded by its path. */
async function report(manifests: readonly string[], properties: KeywardValidationProps): Promise<Report> {
  const { ValidationContext } = require(join(cli, 'validation.js')) as {
    ValidationContext: new (...args: unknown[]) => Parameters<KeywardValidation['validate']>[0] & { report: Report };
  };
  const context = new ValidationContext(manifests, 'keyward', '0.1.0', {}, false);
  await new KeywardValidation(properties).validate(context);
  return context.report;
}

/** Ids of the rules in the report of an input. */
export async function byPlugin(input: RuleInput): Promise<readonly string[]> {
  const { manifests, previous, vault, previousVault } = writeInput(input);
  const { success, toJson } = bound(
    await report([manifests], {
      ...input.context,
      ...(previous !== undefined && { previous: [previous] }),
      ...(vault !== undefined && { vaultState: vault }),
      ...(previousVault !== undefined && { previousVaultState: previousVault }),
    }),
  );
  const ids = [...new Set(toJson().violations.map(({ ruleName }) => ruleName.slice(0, 4)))];
  if (success !== (ids.length === 0)) throw new Error(`success is ${success} with ${ids.length} violations`);
  return ids;
}

function bound(made: Report): Pick<Report, 'success' | 'toJson'> {
  return { success: made.success, toJson: () => made.toJson() };
}
