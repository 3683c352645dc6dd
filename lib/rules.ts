export { checkRules, hasErrors, type RuleSelection } from './rules/check-rules';
export { describeFinding } from './rules/describe-finding';
export { ignoreReasonAnnotation, ignoreRulesAnnotation } from './rules/ignore';
export type { ReadYaml } from './rules/read/embedded-documents';
export type { Finding, Rule, RuleContext, RuleExamples, RuleInput, Severity } from './rules/rule';
export { rules } from './rules/rules';
export {
  type CdkValidationContext,
  type CdkViolation,
  KeywardValidation,
  type KeywardValidationProps,
} from './rules/validation-plugin';
