// Translates what zod found into SchemaIssues: names the nearest key, hides free text, adds the remedy.
import * as z from 'zod';
import { nearest } from './nearest';
import type { SchemaIssue } from './schema-error';

/** What a schema's own checks add to an issue: `.refine(test, { error, params: { remedy } satisfies IssueParams })`. */
export interface IssueParams {
  readonly remedy: string;
  readonly got?: string;
  readonly allowed?: readonly string[];
}

/** The issues of one failed decode or encode. The parse must have run with `reportInput`. */
export function issuesOf(error: z.ZodError, schema: z.ZodType): SchemaIssue[] {
  return error.issues.flatMap((issue) => translate(issue, schema));
}

function translate(issue: z.core.$ZodIssue, schema: z.ZodType): SchemaIssue[] {
  const path = issue.path.map(String);
  const at = path.join('.');
  const found = issue.input;
  const purpose = purposeOf(schemaAt(schema, path));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key, keysOf(schemaAt(schema, path), found)));
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      return [
        {
          path: at,
          message: 'has a value that is not allowed',
          got: quote(found, allowed),
          allowed,
          remedy: choose(found, allowed),
        },
      ];
    }
    case 'invalid_union':
      return [unionIssue(issue, at, found)];
    case 'custom': {
      const params = issue.params as IssueParams | undefined;
      return [{ path: at, message: issue.message, remedy: purpose ?? 'correct the value', ...params }];
    }
    case 'invalid_type':
      return found === undefined
        ? [{ path: at, message: 'is missing', remedy: purpose === undefined ? 'add it' : `add it (${purpose})` }]
        : [
            {
              path: at,
              message: `must be a ${issue.expected}`,
              got: kindOf(found),
              remedy: retype(issue.expected, found),
            },
          ];
    default:
      return [
        { path: at, message: lowerFirst(issue.message), got: quote(found, []), remedy: purpose ?? 'correct the value' },
      ];
  }
}

function unionIssue(issue: z.core.$ZodIssueInvalidUnion, at: string, found: unknown): SchemaIssue {
  const key = issue.discriminator ?? '';
  const tag = (found as Readonly<Record<string, unknown>> | undefined)?.[key];
  const allowed = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
  return {
    path: at,
    message: 'has a value that is not allowed',
    got: quote(tag, allowed),
    allowed,
    remedy: choose(tag, allowed),
  };
}

function unknownKey(path: readonly string[], key: string, allowed: readonly string[]): SchemaIssue {
  const meant = nearest(key, allowed);
  const remedy = meant === undefined ? 'remove it' : `write ${JSON.stringify(meant)}, or remove it`;
  return { path: [...path, key].join('.'), message: 'is not a known key', allowed, remedy };
}

function choose(found: unknown, allowed: readonly string[]): string {
  const meant = typeof found === 'string' ? nearest(found, allowed) : undefined;
  return meant === undefined ? 'use one of the allowed values' : `write ${JSON.stringify(meant)}`;
}

function retype(expected: string, found: unknown): string {
  if (expected === 'string' && typeof found === 'boolean') return `put it in quotes: "${found}"`;
  if (expected === 'string' && typeof found === 'number') return 'put it in quotes';
  if (expected === 'number' && typeof found === 'string') return 'write the number without quotes';
  return `write a ${expected}`;
}

/** Numbers, booleans and misspelt members of a closed list are quoted; any other text could be a secret gone astray. */
function quote(found: unknown, allowed: readonly string[]): string {
  const harmless = typeof found === 'string' ? nearest(found, allowed) !== undefined : typeof found !== 'object';
  return harmless ? JSON.stringify(found) : kindOf(found);
}

/** Names the kind of a JSON value without telling the value. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The schema that is responsible for a path: through codecs, defaults and optionals down to the key. */
function schemaAt(schema: z.ZodType, path: readonly string[]): z.ZodType | undefined {
  return path.reduce<z.ZodType | undefined>((part, key) => shapeOf(part)[key], schema);
}

/** Of a union the keys of the member that the value chose by its type. */
function keysOf(schema: z.ZodType | undefined, value: unknown): readonly string[] {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return Object.keys(shapeOf(schema));
  const tag = (value as Readonly<Record<string, unknown>> | undefined)?.[schema.def.discriminator];
  const chosen = schema.options.find(
    (option) => shapeOf(option as z.ZodType)[schema.def.discriminator]?.safeParse(tag).success,
  );
  return Object.keys(shapeOf((chosen ?? schema) as z.ZodType));
}

function shapeOf(schema: z.ZodType | undefined): Readonly<Record<string, z.ZodType>> {
  if (schema instanceof z.ZodObject) return schema.shape as Record<string, z.ZodType>;
  if (schema instanceof z.ZodDiscriminatedUnion) {
    return Object.assign({}, ...schema.options.map((option) => shapeOf(option as z.ZodType)));
  }
  const inner = innerOf(schema);
  return inner === undefined ? {} : shapeOf(inner);
}

/** The description of a schema, also when a codec, an optional or a default is wrapped around it. */
export function purposeOf(schema: z.ZodType | undefined): string | undefined {
  return schema === undefined ? undefined : (schema.description ?? purposeOf(innerOf(schema)));
}

function innerOf(schema: z.ZodType | undefined): z.ZodType | undefined {
  if (schema instanceof z.ZodPipe) return schema.in as z.ZodType;
  const wrapped = schema instanceof z.ZodExactOptional || schema instanceof z.ZodPrefault;
  return wrapped ? (schema.unwrap() as z.ZodType) : undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
