/** What a program would have to declare to get the object as it is: the live values of the declared fields. */
import type { ClusterObject } from './cluster-api';

/** `declared` with each value replaced by the live one; what is equal but for what the API server drops stays as it is. */
export function liveInputs(declared: ClusterObject, live: ClusterObject): ClusterObject {
  return project(declared, withStringData(live)) as ClusterObject;
}

/** The API server takes `stringData` and never shows it. */
function withStringData(live: ClusterObject): ClusterObject {
  if (live.kind !== 'Secret') return live;
  const data = Object.entries((live.data ?? {}) as Record<string, string>);
  return { ...live, stringData: Object.fromEntries(data.map(([key, value]) => [key, decoded(value)])) };
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

function project(declared: unknown, live: unknown): unknown {
  if (live === undefined) return isEmpty(declared) ? declared : undefined;
  if (Array.isArray(declared) && Array.isArray(live) && declared.length === live.length)
    return declared.map((item, index) => project(item, live[index]));
  if (!isObject(declared) || !isObject(live)) return live;
  const fields = Object.entries(declared).map(([key, value]) => [key, project(value, live[key])] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The API server leaves out such values. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) ? Object.keys(value).length === 0 : !value;
}
