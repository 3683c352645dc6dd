/** User name and password. */
import { joinPath } from '../connection';
import type { VaultAuth } from './auth';
import { type Credential, withText } from './credential';
import { login } from './login';

export interface UserpassAuthOptions {
  readonly mountPath: string;
  readonly namespace: string;
  readonly username: string;
  readonly password: Credential;
}

export function userpassAuth({ mountPath, namespace, username, password }: UserpassAuthOptions): VaultAuth {
  return {
    namespace,
    login: (connection, signal) =>
      withText(password, (text) =>
        login(
          connection,
          {
            path: joinPath('auth', mountPath, 'login', username),
            namespace,
            body: { password: text },
            who: `user ${username} at auth/${mountPath}`,
            remedy: 'Check mount, namespace, user name and password.',
          },
          signal,
        ),
      ),
  };
}
