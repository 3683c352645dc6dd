import { SchemaError, type SchemaIssue } from '../../../lib/schema/schema-error';

/** The issues with which a decode or encode fails. */
export function issuesOf(fails: () => unknown): readonly SchemaIssue[] {
  try {
    fails();
  } catch (error) {
    if (error instanceof SchemaError) return error.issues;
    throw error;
  }
  throw new Error('expected a SchemaError, but nothing was thrown');
}
