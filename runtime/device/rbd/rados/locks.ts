/** Calls of the object class `lock`: advisory locks on objects, which end by themselves. */
import { encodeDuration, encodeStructure, encodeText } from './encoding';
import type { ClassCall } from './objects';

const exclusive = Uint8Array.of(1);
/** Who holds it already holds it for longer. */
const mayRenew = Uint8Array.of(1);

export function lockCall(name: string, cookie: string, durationMs: number): ClassCall {
  const [tag, description] = [encodeText(''), encodeText('')];
  const parts = [
    encodeText(name),
    exclusive,
    encodeText(cookie),
    tag,
    description,
    encodeDuration(durationMs),
    mayRenew,
  ];
  return { objectClass: 'lock', method: 'lock', input: encodeStructure(parts) };
}

export function unlockCall(name: string, cookie: string): ClassCall {
  return { objectClass: 'lock', method: 'unlock', input: encodeStructure([encodeText(name), encodeText(cookie)]) };
}
