// Fields that several parts of the state have in common.
import * as z from 'zod';
import { labelName, objectName } from '../schema/names';
import type { SecretRef } from '../schema/secret-ref';
import type { Same } from '../schema/written-type';

/** A path of a mount, an auth method or a namespace: no slash first or last, no empty or dotted part. */
export const path = z.string().regex(/^(?!\.{1,2}(\/|$))[^/\s*+?#%]+(\/(?!\.{1,2}(\/|$))[^/\s*+?#%]+)*$/, {
  error: 'is not a path without a leading or closing slash',
});
/** A name of a key, a role or a quota. */
export const name = z.string().regex(/^[\w.-]{1,128}$/, {
  error: 'is not a name of letters, digits, "-", "_" and "."',
});
/** A name of a policy. Vault lowers its letters, so that nothing else comes back as it was given. */
export const policyName = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,127}$/, {
  error: 'is not a policy name in lower case',
});
/** A duration. */
export const seconds = z.int().min(0);
/** What the server shows beside a mount. */
export const description = z.string().max(1024);

/** Where `keyward vault apply` and the Job take a value that must not stand in the state. */
export const secretSource = z.union([
  z.strictObject({ file: z.string().min(1).describe('path of a file that holds it') }),
  z.strictObject({
    secret: z.strictObject({ name: objectName, namespace: labelName.exactOptional(), key: z.string().min(1) }),
  }),
]);

/** Where a value is that must not stand in the state: in a file, or under a key of a Kubernetes Secret. */
export type SecretSource = { readonly file: string } | { readonly secret: SecretKeyRef };

/** One key of a Kubernetes Secret. */
export interface SecretKeyRef extends SecretRef {
  /** Key inside the Secret. */
  readonly key: string;
}

true satisfies Same<SecretSource, z.output<typeof secretSource>>;
