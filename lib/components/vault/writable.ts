// The arguments of Pulumi's resources are declared as changeable; the state is not.

/** `T` without `readonly`, all the way down. */
export type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T;

/** A copy that may be handed to a resource. */
export function writable<T>(value: T): Writable<T> {
  return copy(value) as Writable<T>;
}

/** Text of a certificate or a key, as the server gives it back. */
export function pem(text: string): string {
  return text.trim();
}

/** Not `structuredClone`: under Jest its arrays are those of another realm, and Pulumi sends them as objects. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]));
}
