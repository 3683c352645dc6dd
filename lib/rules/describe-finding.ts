// A finding as one line for people.
import type { Finding } from './rule';

/** `KW01 StorageClass fast: parameters.encrypted is …, got …; allowed: …. Remedy.` */
export function describeFinding({ rule, object, path, message, got, allowed, remedy }: Finding): string {
  const found = got === undefined ? '' : `, got ${got}`;
  const choice = allowed === undefined ? '' : `; allowed: ${allowed}`;
  const place = path === '' ? '' : ` ${path}`;
  return `${rule} ${object}:${place} ${message}${found}${choice}. ${remedy}.`;
}
