/** Login with the service account token of the pod, which the kubelet replaces about every hour. */
import { joinPath, type VaultConnection } from '../connection';
import { type Grant, readGrant, type VaultAuth } from './auth';
import { readCredential } from './credential-file';

export interface KubernetesAuthOptions {
  /** Mount of the auth method, e.g. `kubernetes`. */
  readonly mountPath: string;
  readonly role: string;
  readonly tokenFile: string;
  readonly namespace: string;
}

export function kubernetesAuth({ mountPath, role, tokenFile, namespace }: KubernetesAuthOptions): VaultAuth {
  const path = joinPath('auth', mountPath, 'login');
  return {
    namespace,
    async login(connection: VaultConnection, signal: AbortSignal): Promise<Grant> {
      const jwt = await readCredential(tokenFile, 'the service account token');
      const body = { role, jwt: jwt.use((bytes) => bytes.toString('latin1')) };
      jwt.zero();
      const answer = await connection.request({ method: 'POST', path, namespace, body, showable: ['role'], signal });
      return readGrant(answer.body, `POST ${path} at ${connection.address}`);
    },
  };
}
