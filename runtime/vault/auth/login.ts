/** The one request that all logins share: credentials in, a token out. */
import { isCoded } from '../../errors';
import type { VaultConnection } from '../connection';
import { VaultError } from '../errors';
import { type Grant, readGrant } from './auth';

export interface LoginRequest {
  readonly path: string;
  readonly namespace: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Members of the body that are no secret. */
  readonly showable?: readonly string[];
  /** For people, e.g. `AppRole kms`. */
  readonly who: string;
  /** What to check when Vault denies the login. */
  readonly remedy: string;
}

/** @throws VaultError KMS_DENIED with the remedy of the method, and those of the network. */
export async function login(connection: VaultConnection, request: LoginRequest, signal: AbortSignal): Promise<Grant> {
  const { path, namespace, body, showable = [], who, remedy } = request;
  try {
    const answer = await connection.request({ method: 'POST', path, namespace, body, showable, signal });
    return readGrant(answer.body, `POST ${path} at ${connection.address}`);
  } catch (error) {
    if (!isCoded(error, 'KMS_DENIED')) throw error;
    throw new VaultError('KMS_DENIED', `the login as ${who} failed: ${error.message}`, { remedy, cause: error });
  }
}
