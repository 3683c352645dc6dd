/** Where a credential comes from: a file that may be replaced at any time, or a value that was given at the start. */
import { Secret } from '../../secret';
import { fingerprint, readCredential } from './credential-file';

export interface Credential {
  /** A copy that the caller may zero. @throws CodedError CONFIG_UNREADABLE. */
  read(): Promise<Secret>;
  /** Changes when the credential does. @throws CodedError CONFIG_UNREADABLE. */
  fingerprint(): Promise<string>;
}

/** @param what for the error, e.g. `the secret id` */
export function credentialInFile(path: string, what: string): Credential {
  return { read: () => readCredential(path, what), fingerprint: async () => fingerprint(path) };
}

/** A credential from the command line or the environment. It cannot be replaced while the process runs. */
export function givenCredential(secret: Secret): Credential {
  return { read: async () => secret.use((bytes) => Secret.take(Buffer.from(bytes))), fingerprint: async () => 'given' };
}

/** Lends the text of a credential and zeroes the copy of its bytes. */
export async function withText<T>(credential: Credential, use: (text: string) => Promise<T>): Promise<T> {
  using secret = await credential.read();
  return await use(secret.use((bytes) => bytes.toString('utf8')));
}
