// Policies in Vault's own language. This direction only: nothing reads HCL (design, decision 2).
import { mergeRules } from './access';
import type { Policy } from './policy';

/** The policy as HCL. The same rules give the same bytes, in whatever order they are. */
export function toHcl({ rules }: Policy): string {
  return mergeRules(rules)
    .map(({ path, capabilities, comment }) =>
      [
        ...(comment === undefined ? [] : [`# ${comment}`]),
        // JSON's quoting is HCL's for what a rule's path may hold.
        `path ${JSON.stringify(path)} {`,
        `  capabilities = [${capabilities.map((one) => JSON.stringify(one)).join(', ')}]`,
        '}',
        '',
      ].join('\n'),
    )
    .join('\n');
}
