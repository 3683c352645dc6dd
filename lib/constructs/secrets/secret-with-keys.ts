// A Secret that is referred to, and what is known of its keys. What makes a Secret here knows its keys, so that a consumer
// can see at synth that the one which it reads is missing; a reference to somebody else's Secret does not.
import type { SecretRef } from '../../schema/secret-ref';
import { propError } from '../prop-error';

/** A reference to a whole Secret. */
export interface ISecret extends Pick<SecretRef, 'name' | 'namespace'> {
  /**
   * The data keys that it will have.
   * @default - not known; nothing is checked
   */
  readonly keys?: readonly string[];
}

/** What a consumer reads. */
export interface SecretUse {
  /** The prop to name in an error. */
  readonly prop: string;
  /** Data keys that must be there. */
  readonly keys: readonly string[];
  /** Namespace in which the consumer looks; undefined: in any. */
  readonly namespace?: string | undefined;
  /** The rule that speaks of it. */
  readonly rule: string;
}

/** The name of the Secret, after a check that the consumer will find there what it reads. */
export function nameOfSecret(secret: ISecret, { prop, keys, namespace, rule }: SecretUse): string {
  const missing = keys.filter((key) => secret.keys?.includes(key) === false);
  if (missing.length > 0) {
    throw propError({
      prop,
      got: `the Secret ${secret.name} without ${missing.join(', ')}`,
      allowed: `a Secret with the keys ${keys.join(', ')}`,
      remedy: 'Add the keys where the Secret is made',
      rule,
    });
  }
  if (namespace !== undefined && secret.namespace !== undefined && secret.namespace !== namespace) {
    throw propError({
      prop,
      got: `the Secret ${secret.name} in the namespace ${secret.namespace}`,
      allowed: `a Secret in the namespace ${namespace}`,
      remedy: 'The consumer looks there and nowhere else: make the Secret there',
      rule,
    });
  }
  return secret.name;
}
