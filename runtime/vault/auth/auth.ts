/** The port of a way to log in to Vault. One file each beside this one. */
import * as z from 'zod';
import { Secret } from '../../secret';
import type { VaultConnection } from '../connection';
import { notUnderstood } from '../errors';

/** What a login gives. */
export interface Grant {
  readonly token: Secret;
  /** From now, in milliseconds. Undefined: the token does not expire, or its life is not known. */
  readonly ttlMs?: number;
  /** Whether `auth/token/renew-self` can lengthen it. Batch tokens cannot be renewed. */
  readonly renewable: boolean;
}

export interface VaultAuth {
  /** Namespace of the token, '' for the root: where it is renewed. */
  readonly namespace: string;
  /**
   * Reads its credential anew at each call.
   * @throws CodedError CONFIG_UNREADABLE (no credential), VaultError KMS_DENIED and those of the network.
   */
  login(connection: VaultConnection, signal: AbortSignal): Promise<Grant>;
  /** Whether the credential is another one than at the last login, so that the token of that login must not be used longer. */
  hasChanged?(): Promise<boolean>;
}

const shape = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: z.number().nonnegative(), renewable: z.boolean() }),
});

/** Reads the `auth` member of an answer to a login or a renewal. @throws VaultError KMS_ANSWER_INVALID. */
export function readGrant(body: unknown, doing: string): Grant {
  const parsed = shape.safeParse(body);
  if (!parsed.success) throw notUnderstood(doing, 'has no usable member "auth"');
  const { client_token: token, lease_duration: seconds, renewable } = parsed.data.auth;
  return { token: Secret.fromText(token), ...(seconds > 0 && { ttlMs: seconds * 1_000 }), renewable };
}
