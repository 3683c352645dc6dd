// Policies as data; HCL is output only (hcl.ts).
import * as z from 'zod';
import type { DeepReadonly } from './fields';

/** Capabilities of Vault's policy language. */
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

/** A policy. */
export const policy = z.strictObject({ rules: z.array(policyRule).min(1) });

export type Policy = DeepReadonly<z.output<typeof policy>>;
export type PolicyRule = DeepReadonly<z.output<typeof policyRule>>;
export type Capability = (typeof capabilities)[number];
