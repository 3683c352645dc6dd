// Texts that can be nothing but a secret, wherever they stand.
import { pathOf } from './values';

/** A text that looks like a secret. The text itself is not told. */
export interface SecretText {
  readonly path: string;
  readonly what: string;
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/, 'a private key'],
  [/(?:^|[^A-Za-z0-9.])hv[sbr]\.[A-Za-z0-9_-]{20,}/, 'a token of Vault'],
  [/(?:^|[^A-Za-z0-9.])[sb]\.[A-Za-z0-9]{24}(?:$|[^A-Za-z0-9])/, 'a token of Vault'],
  [/(?:^|[^A-Z0-9])AKIA[0-9A-Z]{16}(?:$|[^A-Z0-9])/, 'an access key of AWS'],
  [/(?:^|[^\w-])eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}/, 'a signed token'],
];

/** Searches a value to its leaves, without recursion: YAML may nest as deep as it likes, or hold itself. */
export function secretTexts(value: unknown): readonly SecretText[] {
  const found: SecretText[] = [];
  const seen = new Set<object>();
  const open: { readonly value: unknown; readonly path: readonly (string | number)[] }[] = [{ value, path: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next.value === 'string') {
      const text = next.value;
      const [, what] = (text.length < 16 ? undefined : patterns.find(([pattern]) => pattern.test(text))) ?? [];
      if (what !== undefined) found.push({ path: pathOf(...next.path), what });
    } else if (typeof next.value === 'object' && next.value !== null && !seen.has(next.value)) {
      seen.add(next.value);
      const { path } = next;
      // Deep paths help nobody, and copying them costs the square of the depth.
      if (path.length > 64) continue;
      const isList = Array.isArray(next.value);
      for (const [key, member] of Object.entries(next.value))
        open.push({ value: member, path: [...path, isList ? Number(key) : key] });
    }
  }
  return found.reverse();
}
