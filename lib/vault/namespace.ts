// What one namespace holds, and the whole: the shape alone. What must agree between its parts is in check.ts.
import * as z from 'zod';
import { authMethod } from './auth-methods';
import { type DeepReadonly, description, name, path, policyName, seconds } from './fields';
import { mount } from './mounts';
import { policy } from './policy';

const rateLimitQuota = z.strictObject({
  path: z.string().describe('mount or namespace it holds for; empty: everything').exactOptional(),
  rate: z.number().positive().describe('requests per interval'),
  interval: seconds.min(1).exactOptional(),
  blockInterval: seconds.exactOptional(),
});

const auditDevice = z.strictObject({
  type: z.enum(['file', 'socket', 'syslog']),
  description: description.exactOptional(),
  options: z.record(z.string(), z.string()).exactOptional(),
});

const namespace = z.strictObject({
  mounts: z.record(path, mount).exactOptional(),
  policies: z.record(policyName, policy).exactOptional(),
  externalPolicies: z
    .array(policyName)
    .describe('policies that roles may name although somebody else keeps them')
    .exactOptional(),
  auth: z.record(path, authMethod).exactOptional(),
  quotas: z.record(name, rateLimitQuota).describe('rate limits; only of the root namespace').exactOptional(),
  audit: z.record(path, auditDevice).describe('only of the root namespace').exactOptional(),
});

/** The shape of a state. */
export const vaultState = z.strictObject({
  owner: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: 'is not a name of lower-case letters, digits and "-"' })
    .describe('who keeps this state: marks what is ours, so that two states can share a server'),
  namespaces: z
    .record(z.union([z.literal(''), path]), namespace)
    .describe('by path; the empty one is the root namespace, or the one that the client is set to'),
});

/** The desired state of a Vault or OpenBao: what is not in it is not touched. */
export type VaultState = DeepReadonly<z.output<typeof vaultState>>;
/** What one namespace shall hold. */
export type VaultNamespace = DeepReadonly<z.output<typeof namespace>>;
export type RateLimitQuota = DeepReadonly<z.output<typeof rateLimitQuota>>;
export type AuditDevice = DeepReadonly<z.output<typeof auditDevice>>;
