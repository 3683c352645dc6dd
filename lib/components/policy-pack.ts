// The rules as policies of Pulumi: they see every resource of a stack, at preview and before an update.
import type { Policies, PolicyResource, StackValidationArgs, StackValidationPolicy } from '@pulumi/policy';
import { checkRules, type RuleSelection, selectedRules } from '../rules/check-rules';
import { describeFinding } from '../rules/describe-finding';
import type { Finding, Rule, RuleContext, RuleInput } from '../rules/rule';
import { policyObject } from './policy-object';
import { policyVaultState } from './policy-vault';

/** What the policies know besides the resources of the stack. */
export interface KeywardPolicyOptions extends Omit<RuleInput, 'objects'>, RuleSelection {}

/** Members of the context that a policy group may set for each rule. */
const configSchema: NonNullable<StackValidationPolicy['configSchema']> = {
  properties: {
    clusterVersion: { type: 'string' },
    csiAddonsVersion: { type: 'string' },
    environment: { type: 'string', enum: ['dev', 'prod'] },
    migrated: { type: 'array', items: { type: 'string' } },
  },
};

/**
 * They look at the objects of Kubernetes and, unless a state is given, at what the stack declares at a Vault.
 *
 * One policy a rule, mandatory, and one that only tells warnings. Give them to a `PolicyPack` of @pulumi/policy. The
 * context of the options holds unless the configuration of the policy says otherwise.
 */
export function keywardPolicies(options: KeywardPolicyOptions = {}): Policies {
  const { only, skip, ...input } = options;
  const selection = { ...(only && { only }), ...(skip && { skip }) };
  const warnings: StackValidationPolicy = {
    name: 'keyward-warnings',
    description: 'What keyward would do otherwise, and fails nothing',
    enforcementLevel: 'advisory',
    configSchema,
    validateStack: validation(input, selection, 'warning'),
  };
  return [...selectedRules(selection).map((rule) => policyOf(rule, input)), warnings];
}

function policyOf(rule: Rule, input: Omit<RuleInput, 'objects'>): StackValidationPolicy {
  return {
    name: `${rule.id.toLowerCase()}-${rule.slug}`,
    displayName: `${rule.id} ${rule.title}`,
    description: rule.title,
    remediationSteps: rule.remedy,
    severity: 'high',
    enforcementLevel: 'mandatory',
    configSchema,
    validateStack: validation(input, { only: [rule.id] }, 'error'),
  };
}

function validation(
  { context, ...input }: Omit<RuleInput, 'objects'>,
  selection: RuleSelection,
  severity: Finding['severity'],
): StackValidationPolicy['validateStack'] {
  return (args: StackValidationArgs, reportViolation) => {
    const resources = args.resources.filter(isKubernetes);
    const configured = args.getConfig<RuleContext>();
    // A state that is given is the whole; what the stack itself declares may be a part.
    const declared = input.vault === undefined ? policyVaultState(args.resources) : undefined;
    const findings = checkRules(
      {
        ...input,
        ...(declared !== undefined && { vault: declared, vaultIsPartial: true }),
        objects: resources.map(policyObject),
        context: { ...context, ...configured },
      },
      selection,
    );
    for (const finding of findings) {
      if (finding.severity !== severity) continue;
      const urn = finding.index === undefined ? undefined : resources[finding.index]?.urn;
      reportViolation(describeFinding(finding), urn);
    }
  };
}

function isKubernetes({ type }: PolicyResource): boolean {
  return type.startsWith('kubernetes:');
}
