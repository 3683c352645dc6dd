/**
 * Members of Vault's API that we keep, and when two values of one mean the same: the server fills in defaults, turns numbers
 * into Go durations, trims PEM text, adds closing slashes, and gives lists in an order of its own.
 */

export type FieldValue =
  | string
  | number
  | boolean
  | readonly string[]
  | Readonly<Record<string, string | readonly string[]>>;
export type Fields = Readonly<Record<string, FieldValue>>;

export type FieldForm =
  | 'text'
  | 'pem'
  | 'lines'
  | 'path'
  | 'number'
  | 'seconds'
  | 'switch'
  | 'set'
  | 'policies'
  | 'cidrs'
  | 'pems'
  | 'map';

export interface Field {
  /** As the API has it. */
  readonly name: string;
  readonly form: FieldForm;
  /** What it is when the state does not say. `undefined`: whatever the server has, it is left alone. */
  readonly unset: FieldValue | undefined;
}

/** One member that is not as it shall be, both sides in normal form. */
export interface FieldChange {
  readonly name: string;
  /** Undefined: there is nothing yet. */
  readonly before?: FieldValue;
  readonly after: FieldValue;
}

/** The members that differ, in the order of the table. A member that the server does not know counts as unset. */
export function differences(
  fields: readonly Field[],
  wanted: Fields,
  live: Readonly<Record<string, unknown>>,
): FieldChange[] {
  return fields.flatMap((field) => {
    const given = wanted[field.name];
    if (given === undefined) return [];
    const after = normal(field.form, given);
    const raw = live[field.name] ?? field.unset;
    const before = raw === undefined ? undefined : normal(field.form, raw);
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ name: field.name, after, ...(before !== undefined && { before }) }];
  });
}

/** What an object of ours shall have in all: what the state says, and for the rest what the server would take by itself. */
export function withDefaults(fields: readonly Field[], given: Fields): Fields {
  return Object.fromEntries(
    fields.flatMap(({ name, unset }) => {
      const value = given[name] ?? unset;
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** Camel case, as the state has it, to the names of the API. */
export function apiName(member: string): string {
  return member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The form in which two values that mean the same are the same. */
export function normal(form: FieldForm, value: unknown): FieldValue {
  switch (form) {
    case 'text':
      return String(value);
    case 'pem':
      return pem(String(value));
    case 'lines':
      return String(value).trimEnd();
    case 'path':
      return String(value).replace(/\/+$/, '');
    case 'number':
      return Number(value);
    case 'seconds':
      return seconds(value);
    case 'switch':
      return value === true;
    case 'set':
      return set(list(value));
    case 'policies':
      return set(list(value).map((name) => name.toLowerCase()));
    case 'cidrs':
      return set(list(value).map(cidr));
    case 'pems':
      return set(list(value).map(pem));
    case 'map':
      return map(value);
  }
}

function pem(text: string): string {
  return text.replace(/\r\n/g, '\n').trim();
}

/** Seconds as a number, as digits, or as a Go duration such as `1h30m0s`. */
function seconds(value: unknown): number {
  if (typeof value === 'number') return value;
  const text = String(value);
  if (/^\d+$/.test(text)) return Number(text);
  const unit: Readonly<Record<string, number>> = { h: 3_600, m: 60, s: 1, ms: 0.001 };
  return [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)].reduce(
    (sum, [, count, name = 's']) => sum + Number(count) * (unit[name] ?? 0),
    0,
  );
}

function list(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return value === null || value === undefined || value === '' ? [] : String(value).split(',');
}

function set(items: readonly string[]): string[] {
  return [...new Set(items)].sort();
}

/** A single address may come with or without its full mask. */
function cidr(text: string): string {
  return text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '');
}

function map(value: unknown): Readonly<Record<string, readonly string[]>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const sorted = entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([name, one]) => [name, set(Array.isArray(one) ? one.map(String) : [String(one)])]),
  );
}
