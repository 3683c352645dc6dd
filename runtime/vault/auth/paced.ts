/**
 * Spares Vault the logins that will fail (R9): after a failed one the same error is given again for a while, which doubles
 * up to a bound. A credential that was replaced ends the pause.
 */
import { type CodedError, toCoded } from '../../errors';
import type { VaultAuth } from './auth';
import type { Credential } from './credential';

const firstPauseMs = 500;
const maxPauseMs = 10_000;

/** @param credentials those whose change makes a new login worth trying at once */
export function pacedAuth(
  auth: VaultAuth,
  credentials: readonly Credential[],
  now: () => number = Date.now,
): VaultAuth {
  let failure:
    | { readonly error: CodedError; readonly until: number; readonly pauseMs: number; readonly of: string }
    | undefined;
  const fingerprints = async () =>
    (await Promise.all(credentials.map((credential) => credential.fingerprint().catch(() => 'unreadable')))).join();
  return {
    ...auth,
    async login(connection, signal) {
      const of = await fingerprints();
      if (failure && failure.of === of && now() < failure.until) throw failure.error;
      try {
        const grant = await auth.login(connection, signal);
        failure = undefined;
        return grant;
      } catch (thrown) {
        const error = toCoded(thrown);
        const pauseMs = failure?.of === of ? Math.min(maxPauseMs, failure.pauseMs * 2) : firstPauseMs;
        failure = { error, until: now() + pauseMs, pauseMs, of };
        throw error;
      }
    },
  };
}
