/** JWT: a signed token in a file, which whoever wrote it replaces before it ends. Read at each login. */
import { joinPath } from '../connection';
import type { VaultAuth } from './auth';
import { type Credential, withText } from './credential';
import { login } from './login';

export interface JwtAuthOptions {
  readonly mountPath: string;
  readonly namespace: string;
  readonly role: string;
  readonly token: Credential;
}

export function jwtAuth({ mountPath, namespace, role, token }: JwtAuthOptions): VaultAuth {
  return {
    namespace,
    login: (connection, signal) =>
      withText(token, (jwt) =>
        login(
          connection,
          {
            path: joinPath('auth', mountPath, 'login'),
            namespace,
            body: { role, jwt },
            showable: ['role'],
            who: `role ${role} at auth/${mountPath}`,
            remedy:
              'Check mount, namespace and role, and that issuer, audience, subject and lifetime of the token are those that the role demands.',
          },
          signal,
        ),
      ),
  };
}
