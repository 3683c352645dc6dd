/** A token that was given at the start, by flag or environment. It can be renewed but not replaced: prefer a file. */
import { Secret } from '../../secret';
import type { VaultAuth } from './auth';
import { grantOf } from './token';

export function givenTokenAuth({
  token,
  namespace,
}: {
  readonly token: Secret;
  readonly namespace: string;
}): VaultAuth {
  return {
    namespace,
    // A copy, because the lease zeroes the token that it holds.
    login: (connection, signal) =>
      grantOf(
        token.use((bytes) => Secret.take(Buffer.from(bytes))),
        { namespace, connection, signal },
      ),
  };
}
