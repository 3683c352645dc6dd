/** Login with a service account token: that of the pod, which the kubelet replaces about every hour, or one that is asked for. */
import { isCoded } from '../../errors';
import type { Secret } from '../../secret';
import { joinPath, type VaultConnection } from '../connection';
import { VaultError } from '../errors';
import { type Grant, readGrant, type VaultAuth } from './auth';
import { readCredential } from './credential-file';

export interface KubernetesAuthOptions {
  /** Mount of the auth method, e.g. `kubernetes`. */
  readonly mountPath: string;
  readonly role: string;
  readonly tokenFile: string;
  readonly namespace: string;
}

export function kubernetesAuth({ tokenFile, ...options }: KubernetesAuthOptions): VaultAuth {
  return kubernetesAuthWith(options, () => readCredential(tokenFile, 'the service account token'));
}

/** The same with a token that `readToken` gives at each login; it is zeroed after use. */
export function kubernetesAuthWith(
  { mountPath, role, namespace }: Omit<KubernetesAuthOptions, 'tokenFile'>,
  readToken: (signal: AbortSignal) => Promise<Secret>,
): VaultAuth {
  const path = joinPath('auth', mountPath, 'login');
  return {
    namespace,
    async login(connection: VaultConnection, signal: AbortSignal): Promise<Grant> {
      const jwt = await readToken(signal);
      const body = { role, jwt: jwt.use((bytes) => bytes.toString('latin1')) };
      jwt.zero();
      try {
        const answer = await connection.request({ method: 'POST', path, namespace, body, showable: ['role'], signal });
        return readGrant(answer.body, `POST ${path} at ${connection.address}`);
      } catch (error) {
        throw isCoded(error, 'KMS_DENIED') ? explained(error, role) : error;
      }
    },
  };
}

/** Vault says little on purpose. It denies a login at a mount that does not exist as one with a wrong token (R4). */
function explained(denial: Error, role: string): VaultError {
  return new VaultError('KMS_DENIED', `the login with role ${role} failed: ${denial.message}`, {
    remedy:
      'Check mount path and namespace, the service accounts, namespaces and audience of the role, and that Vault may review tokens at the Kubernetes API.',
    cause: denial,
  });
}
