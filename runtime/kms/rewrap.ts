/** Wraps a volume's key again with the newest version of the KEK, so that older versions can be retired. */
import { CodedError } from '../errors';
import { type Attempt, conflict, type WrappedKeyStore } from './key-family';
import { checkWrapped } from './limits';
import type { KeyReference, RewrapsKeys, WrapsKeys } from './provider';

/**
 * True when the metadata was changed. The new text replaces the old one only after it was unwrapped to the same key.
 * @throws CodedError KMS_CONFLICT when somebody else changed the metadata meanwhile, and those of the provider
 */
export async function rewrapKey(
  provider: WrapsKeys & RewrapsKeys,
  ref: KeyReference,
  attempt: Attempt,
  store: WrappedKeyStore,
): Promise<boolean> {
  const present = await store.read();
  if (present === undefined) return false;
  checkWrapped(present);
  const next = await attempt((ctx) => provider.rewrap(ref, present, ctx));
  if (next === present) return false;
  checkWrapped(next);
  using before = await attempt((ctx) => provider.unwrap(ref, present, ctx));
  using after = await attempt((ctx) => provider.unwrap(ref, next, ctx));
  if (!before.equals(after)) {
    throw new CodedError('KMS_ANSWER_INVALID', 'the KMS wrapped a key again and unwrapped another one', {
      remedy: 'Nothing was changed. See the state of the KMS, then repeat the call.',
    });
  }
  await store.write(next, present);
  if ((await store.read()) !== next) throw conflict(ref);
  return true;
}
