// The rules in the validation of constructs: a mistake fails the synth with the id of the rule.
import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { checkRules, type RuleSelection } from '../rules/check-rules';
import { describeFinding } from '../rules/describe-finding';
import type { RuleInput } from '../rules/rule';

/** What the rules know besides the objects below the construct. */
export interface ValidateWithRulesProps extends Omit<RuleInput, 'objects'>, RuleSelection {
  /**
   * Kinds of objects that are looked at. Each is rendered once more for it.
   * @default - all
   */
  readonly kinds?: readonly string[];
}

/**
 * Checks everything below a construct with the rules, each time the app is synthesised: errors fail it, all at once, before
 * anything is written. Give it a chart, or the app for mistakes across charts.
 */
export function validateWithRules(scope: Construct, props: ValidateWithRulesProps = {}): void {
  const { kinds, only, skip, ...input } = props;
  const selection = { ...(only && { only }), ...(skip && { skip }) };
  scope.node.addValidation({
    validate: () => {
      const objects = scope.node
        .findAll()
        .filter((node): node is ApiObject => ApiObject.isApiObject(node))
        .filter(({ kind }) => kinds === undefined || kinds.includes(kind))
        .map((object) => object.toJson());
      return checkRules({ ...input, objects }, selection)
        .filter(({ severity }) => severity === 'error')
        .map(describeFinding);
    },
  });
}
