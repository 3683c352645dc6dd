/** Calls of the object class `lock`: advisory locks on objects, which end by themselves. */
import { encodeDuration, encodeStructure, encodeText } from './encoding';
import type { ClassCall } from './objects';

const exclusive = Uint8Array.of(1);
const flags = {
  /** Who holds it already holds it for longer. */
  'may-renew': Uint8Array.of(1),
  /** Who does not hold it any more does not get it in this way. */
  'must-renew': Uint8Array.of(2),
} as const;

export function lockCall(
  name: string,
  cookie: string,
  durationMs: number,
  renewal: keyof typeof flags = 'may-renew',
): ClassCall {
  const [tag, description] = [encodeText(''), encodeText('')];
  const parts = [
    encodeText(name),
    exclusive,
    encodeText(cookie),
    tag,
    description,
    encodeDuration(durationMs),
    flags[renewal],
  ];
  return { objectClass: 'lock', method: 'lock', input: encodeStructure(parts) };
}

export function unlockCall(name: string, cookie: string): ClassCall {
  return { objectClass: 'lock', method: 'unlock', input: encodeStructure([encodeText(name), encodeText(cookie)]) };
}
