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

/** What a construct that runs the rules over itself is told besides. */
export type OwnRulesProps = Omit<ValidateWithRulesProps, 'kinds'>;

/**
 * Checks everything below a construct with the rules, each time the app is synthesised: errors fail it, all at once, before
 * anything is written. Give it a chart, or the app for mistakes across charts.
 */
export function validateWithRules(scope: Construct, props: ValidateWithRulesProps = {}): void {
  const { kinds, ...rest } = props;
  const objects = () =>
    scope.node
      .findAll()
      .filter((node): node is ApiObject => ApiObject.isApiObject(node))
      .filter(({ kind }) => kinds === undefined || kinds.includes(kind))
      .map((object) => object.toJson());
  validateObjects(scope, objects, rest);
}

/** The same for what is no object of the chart, e.g. a file of the control plane: `objects` is called at each synth. */
export function validateObjects(scope: Construct, objects: () => readonly unknown[], props: OwnRulesProps = {}): void {
  const { only, skip, ...input } = props;
  const selection = { ...(only && { only }), ...(skip && { skip }) };
  scope.node.addValidation({
    validate: () =>
      checkRules({ ...input, objects: objects() }, selection)
        .filter(({ severity }) => severity === 'error')
        .map(describeFinding),
  });
}
