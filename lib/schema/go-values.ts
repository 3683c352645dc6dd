// Values as the Go programs of this field read them from strings.
import * as z from 'zod';
import type { IssueParams } from './zod-issues';

const trueWords = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const falseWords = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** A boolean in a string, by the rules of Go's strconv.ParseBool. A real JSON boolean is refused, as ceph-csi does. */
export const goBoolean = z.codec(
  z.string().refine((text) => trueWords.includes(text) || falseWords.includes(text), {
    error: 'must be a boolean in a string',
    params: { allowed: ['"true"', '"false"'], remedy: 'write "true" or "false"' } satisfies IssueParams,
  }),
  z.boolean(),
  { decode: (text) => trueWords.includes(text), encode: (value) => (value ? 'true' : 'false') },
);

/** True only for the exact text `true`; every other text means false (ceph-csi's vaultDestroyKeys). */
export const exactTrue = z.codec(z.string(), z.boolean(), {
  decode: (text) => text === 'true',
  encode: (value) => (value ? 'true' : 'false'),
});

/** A whole number from 0 in a string, decimal digits only. */
export const unsignedInteger = z.codec(
  z.string().regex(/^(0|[1-9]\d{0,14})$/, { error: 'must be a whole number in a string, e.g. "512"' }),
  z.int().nonnegative(),
  { decode: Number, encode: String },
);
