// Policies as data; HCL is output only (hcl.ts).
import * as z from 'zod';
import type { Same } from '../schema/written-type';

/** What the tokens that have it may do. */
export interface Policy {
  /** At least one. Two for the same path are one with the capabilities of both. */
  readonly rules: readonly PolicyRule[];
}

/** What may be done below one path. */
export interface PolicyRule {
  /** Without a slash in front. May end with `*`, may hold `+`, `{{identity…}}` and `{{accessor:auth/…}}`. */
  readonly path: string;
  /** At least one. `deny` wins over all others. */
  readonly capabilities: readonly Capability[];
  /**
   * Why, in one line, for who reads the policy at the server.
   * @default - none
   */
  readonly comment?: string;
}

/** A capability of Vault's policy language. */
export type Capability = (typeof capabilities)[number];

/** The capabilities of Vault's policy language, in the order in which policies are written. */
export const capabilities = ['create', 'read', 'update', 'patch', 'delete', 'list', 'sudo', 'deny'] as const;

const policyRule = z.strictObject({
  path: z
    .string()
    .regex(/^[^/\0\n\r"\\][^\0\n\r"\\]*$/, { error: 'is not a path as the policy language has it' })
    .describe('may end with *, may hold +, {{identity…}} and {{accessor:auth/…}}'),
  capabilities: z.array(z.enum(capabilities)).min(1),
  comment: z
    .string()
    .regex(/^[^\0\n\r]*$/, { error: 'is not one line' })
    .describe('why, for who reads the policy at the server')
    .exactOptional(),
});

/** Checks a Policy. */
export const policy = z.strictObject({ rules: z.array(policyRule).min(1) });

true satisfies Same<Policy, z.output<typeof policy>>;
true satisfies Same<PolicyRule, z.output<typeof policyRule>>;
