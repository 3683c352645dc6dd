/** A token in a file. Whoever wrote the file owns the token; we look up how long it lives, and renew it when it may be. */
import * as z from 'zod';
import { isCoded } from '../../errors';
import type { Secret } from '../../secret';
import type { VaultConnection } from '../connection';
import type { Grant, VaultAuth } from './auth';
import { fingerprint, readCredential } from './credential-file';

export interface TokenAuthOptions {
  readonly tokenFile: string;
  readonly namespace: string;
}

const shape = z.object({
  data: z.object({ ttl: z.number().nonnegative(), renewable: z.boolean().default(false) }),
});

export function tokenAuth({ tokenFile, namespace }: TokenAuthOptions): VaultAuth {
  let used: string | undefined;
  return {
    namespace,

    async login(connection: VaultConnection, signal: AbortSignal): Promise<Grant> {
      // Taken before the content is read: a file that is replaced in between is then seen as changed, not as used.
      used = fingerprint(tokenFile);
      const token = await readCredential(tokenFile, 'the Vault token');
      return grantOf(token, { namespace, connection, signal });
    },

    hasChanged: async () => used !== undefined && fingerprint(tokenFile) !== used,
  };
}

interface Lookup {
  readonly namespace: string;
  readonly connection: VaultConnection;
  readonly signal: AbortSignal;
}

/** What Vault says of a token that was given to us. @throws VaultError those of the network. */
export async function grantOf(token: Secret, { namespace, connection, signal }: Lookup): Promise<Grant> {
  try {
    const path = 'auth/token/lookup-self';
    const answer = await connection.request({ method: 'GET', path, namespace, token, signal });
    const parsed = shape.safeParse(answer.body);
    if (!parsed.success || parsed.data.data.ttl === 0) return { token, renewable: false };
    return { token, ttlMs: parsed.data.data.ttl * 1_000, renewable: parsed.data.data.renewable };
  } catch (error) {
    // A token without the policy `default` may not look itself up. Whether it is alive shows at its first use.
    if (isCoded(error, 'KMS_DENIED')) return { token, renewable: false };
    throw error;
  }
}
