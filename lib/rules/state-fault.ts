// What is wrong with the state of a Vault by itself, told by the rule that it belongs to.
import type { SchemaIssue } from '../schema/schema-error';
import type { Fault } from './rule';

/** An issue of the state as a fault. */
export function stateFault({ path, message, got, allowed, remedy }: SchemaIssue): Fault {
  return {
    object: 'VaultState',
    path,
    message,
    remedy: sentence(remedy),
    ...(got !== undefined && { got }),
    ...(allowed !== undefined && { allowed: allowed.join(', ') }),
  };
}

/** A remedy of lib/schema with a capital, as the rules write theirs. */
export function sentence(remedy: string): string {
  return remedy.charAt(0).toUpperCase() + remedy.slice(1);
}
