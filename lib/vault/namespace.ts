// What one namespace holds, and the whole: the shape alone. What must agree between its parts is in check.ts.
import * as z from 'zod';
import type { Same } from '../schema/written-type';
import { type AuthMethod, authMethod } from './auth-methods';
import { description, name, path, policyName, seconds } from './fields';
import { type KvMount, mount, type TransitMount } from './mounts';
import { type Policy, policy } from './policy';

/** The desired state of a Vault or OpenBao: what is not in it is not touched. */
export interface VaultState {
  /** Who keeps this state: marks what is ours, so that two states can share a server. Lower-case letters, digits and `-`. */
  readonly owner: string;
  /** By path; the empty one is the root namespace, or the one that the client is set to. */
  readonly namespaces: Readonly<Record<string, VaultNamespace>>;
}

/** What one namespace shall hold. */
export interface VaultNamespace {
  /**
   * Secret engines by path.
   * @default - none
   */
  readonly mounts?: Readonly<Record<string, KvMount | TransitMount>>;
  /**
   * Policies by name, in lower case.
   * @default - none
   */
  readonly policies?: Readonly<Record<string, Policy>>;
  /**
   * Policies that roles may name although somebody else keeps them.
   * @default - none but `default`
   */
  readonly externalPolicies?: readonly string[];
  /**
   * Auth methods by path.
   * @default - none
   */
  readonly auth?: Readonly<Record<string, AuthMethod>>;
  /**
   * Rate limits by name; only of the root namespace.
   * @default - none
   */
  readonly quotas?: Readonly<Record<string, RateLimitQuota>>;
  /**
   * Audit devices by path; only of the root namespace.
   * @default - none
   */
  readonly audit?: Readonly<Record<string, AuditDevice>>;
}

/** A bound on the requests from each client address. */
export interface RateLimitQuota {
  /**
   * Mount or namespace it holds for; empty: everything.
   * @default - everything
   */
  readonly path?: string;
  /** Requests per interval. */
  readonly rate: number;
  /**
   * Length of the interval in seconds.
   * @default 1
   */
  readonly interval?: number;
  /**
   * For how many seconds a client that exceeds it is refused altogether. 0: until the interval ends.
   * @default 0
   */
  readonly blockInterval?: number;
}

/** Where the server writes what it was asked. While no device can be written, it answers nothing. */
export interface AuditDevice {
  /** The type. */
  readonly type: 'file' | 'socket' | 'syslog';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /**
   * Options of the type, by Vault's names, e.g. `file_path`.
   * @default - those of the server
   */
  readonly options?: Readonly<Record<string, string>>;
}

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

/** Checks the shape of a VaultState. */
export const vaultState = z.strictObject({
  owner: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: 'is not a name of lower-case letters, digits and "-"' })
    .describe('who keeps this state: marks what is ours, so that two states can share a server'),
  namespaces: z
    .record(z.union([z.literal(''), path]), namespace)
    .describe('by path; the empty one is the root namespace, or the one that the client is set to'),
});

true satisfies Same<VaultState, z.output<typeof vaultState>>;
true satisfies Same<VaultNamespace, z.output<typeof namespace>>;
true satisfies Same<RateLimitQuota, z.output<typeof rateLimitQuota>>;
true satisfies Same<AuditDevice, z.output<typeof auditDevice>>;
