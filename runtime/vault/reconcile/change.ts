/** What a plan is made of: changes, and problems that stand in their way. */
import type { Code } from '../../errors';
import type { Desired } from './desired';
import type { FieldChange } from './field';
import type { ObjectId } from './object-id';

export type Action = 'create' | 'update' | 'adopt' | 'remove';

export interface Change {
  readonly action: Action;
  readonly id: ObjectId;
  readonly fields: readonly FieldChange[];
  /** What shall be there; undefined for a removal. */
  readonly desired?: Desired;
}

/** Why the state cannot be reached as things are. */
export interface Problem {
  readonly code: Code;
  /** Of the object, as `--adopt` and `--delete-data` take it. */
  readonly address: string;
  readonly message: string;
  readonly remedy: string;
}
