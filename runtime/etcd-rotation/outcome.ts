/** What a rotation came to. */
import type { Proof } from './proof';
import type { RetireAdvice } from './retire-advice';
import type { RewriteCounts } from './rewrite';
import type { Target } from './writers';

export interface RotatedResource extends RewriteCounts {
  readonly resource: string;
  /** Undefined: the resource has no objects. */
  readonly target?: Target & { readonly keyId?: string };
  readonly proof: Proof;
}

export interface Rotation {
  readonly proven: boolean;
  readonly resources: readonly RotatedResource[];
  /** Undefined unless proven. */
  readonly advice?: RetireAdvice;
}
