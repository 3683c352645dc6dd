/**
 * AppRole. Role id and secret id are read at each login, so a secret id that was replaced in its file counts at the next
 * one. A response-wrapped secret id is unwrapped once; what was in it is kept for later logins until the file changes.
 */
import * as z from 'zod';
import { isCoded } from '../../errors';
import { Secret } from '../../secret';
import { joinPath, type VaultConnection } from '../connection';
import { notUnderstood, VaultError } from '../errors';
import type { VaultAuth } from './auth';
import { type Credential, withText } from './credential';
import { login } from './login';

export interface AppRoleAuthOptions {
  readonly mountPath: string;
  readonly namespace: string;
  readonly roleId: Credential;
  /** Left out for a role that is bound in another way (bind_secret_id=false). */
  readonly secretId?: Credential;
  /** The secret id is a wrapping token, which can be used once. */
  readonly secretIdIsWrapped?: boolean;
}

export function appRoleAuth(options: AppRoleAuthOptions): VaultAuth {
  const { mountPath, namespace, roleId, secretIdIsWrapped = false } = options;
  const secretId =
    options.secretId && (secretIdIsWrapped ? unwrapped(options.secretId, namespace) : plain(options.secretId));
  return {
    namespace,
    login: (connection, signal) =>
      withText(roleId, async (role_id) => {
        using secret = await secretId?.(connection, signal);
        const secret_id = secret?.use((bytes) => bytes.toString('utf8'));
        return await login(
          connection,
          {
            path: joinPath('auth', mountPath, 'login'),
            namespace,
            body: { role_id, ...(secret_id !== undefined && { secret_id }) },
            who: `AppRole at auth/${mountPath}`,
            remedy:
              'Check mount, namespace and role id, and whether the secret id has expired, was used up or is bound to other addresses; a new one in its file is read at the next login.',
          },
          signal,
        );
      }),
  };
}

type ReadSecretId = (connection: VaultConnection, signal: AbortSignal) => Promise<Secret>;

function plain(credential: Credential): ReadSecretId {
  return () => credential.read();
}

const wrapped = z.object({ data: z.object({ secret_id: z.string().min(1) }) });

function unwrapped(wrappingToken: Credential, namespace: string): ReadSecretId {
  let held: { readonly of: string; readonly secretId: string } | undefined;
  return async (connection, signal) => {
    const of = await wrappingToken.fingerprint();
    if (held?.of !== of) held = { of, secretId: await unwrap(wrappingToken, connection, namespace, signal) };
    return Secret.fromText(held.secretId);
  };
}

async function unwrap(
  wrappingToken: Credential,
  connection: VaultConnection,
  namespace: string,
  signal: AbortSignal,
): Promise<string> {
  const path = 'sys/wrapping/unwrap';
  using token = await wrappingToken.read();
  const answer = await connection
    .request({ method: 'POST', path, namespace, token, body: {}, signal })
    .catch((error: unknown) => {
      if (!isCoded(error, 'KMS_DENIED')) throw error;
      throw new VaultError('KMS_DENIED', `the wrapped secret id cannot be unwrapped: ${error.message}`, {
        remedy:
          'Write a newly wrapped secret id to the file. If nobody of yours unwrapped the old one, somebody else has: revoke that secret id.',
        cause: error,
      });
    });
  const parsed = wrapped.safeParse(answer.body);
  if (!parsed.success)
    throw notUnderstood(`POST ${path} at ${connection.address}`, 'wraps no secret id', answer.status);
  return parsed.data.data.secret_id;
}
