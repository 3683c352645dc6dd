// The edge of lib/schema: unknown in, frozen typed value out, every fault told in our words.
import * as z from 'zod';
import { SchemaError, type SchemaIssue } from './schema-error';
import { issuesOf } from './zod-issues';

/** Reads an unknown value with a schema. The result is frozen to its leaves. */
export function decodeWith<S extends z.ZodType>(schema: S, value: unknown, subject: string): z.output<S> {
  return settled(z.safeDecode(schema, value as z.input<S>, { reportInput: true }), schema, subject);
}

/** Writes a typed value in the schema's input form. A value that the schema could not read back is refused. */
export function encodeWith<S extends z.ZodType>(schema: S, value: z.output<S>, subject: string): z.input<S> {
  const written = schema instanceof z.ZodPipe ? (schema.out as z.ZodType) : schema;
  return settled(z.safeEncode(schema, value, { reportInput: true }), written, subject);
}

/** Parses JSON text. The text is never quoted in the error: it may hold a secret. */
export function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    throw new SchemaError(subject, [
      {
        path: '',
        message: position === undefined ? 'is not JSON text' : `is not JSON text from character ${position} on`,
        remedy: 'write one JSON object; check quotes, commas and that the text is complete',
      },
    ]);
  }
}

/** JSON text as written into ConfigMaps: two spaces, one final newline, keys in the order given. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Runs a decode per entry and reports the faults of all entries at once, each path led by the entry's key. */
export function collectIssues<I, O>(
  entries: Iterable<readonly [string, I]>,
  decode: (key: string, input: I) => O,
  subject: string,
): ReadonlyMap<string, O> {
  const decoded = new Map<string, O>();
  const issues: SchemaIssue[] = [];
  for (const [key, input] of entries) {
    try {
      decoded.set(key, decode(key, input));
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      issues.push(...error.issues.map((issue) => ({ ...issue, path: [key, issue.path].filter(Boolean).join('.') })));
    }
  }
  if (issues.length > 0) throw new SchemaError(subject, issues);
  return decoded;
}

/** The same object without the properties that are `undefined`, as exact optional properties want it. */
export function defined<T extends object>(properties: T): Defined<T> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Defined<T>;
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function settled<T>(result: z.ZodSafeParseResult<T>, schema: z.ZodType, subject: string): T {
  if (!result.success) throw new SchemaError(subject, issuesOf(result.error, schema));
  return frozen(result.data);
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) frozen(part);
    Object.freeze(value);
  }
  return value;
}
