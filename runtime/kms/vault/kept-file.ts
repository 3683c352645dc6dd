/** A mounted file of the TLS configuration, read again when it has changed. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '../../errors';
import { fingerprint } from '../../vault/auth/credential-file';

export class KeptFile {
  readonly #path: string;
  readonly #what: string;
  #kept: { readonly fingerprint: string; readonly text: string } | undefined;

  /** @param what for errors, e.g. `the CA of Vault` */
  constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
  }

  /** Looks at the file each time, so that a replaced one counts at once. @throws CodedError CONFIG_UNREADABLE. */
  async read(): Promise<string> {
    try {
      const now = fingerprint(this.#path);
      if (this.#kept?.fingerprint !== now) {
        this.#kept = { fingerprint: now, text: (await readFile(this.#path, 'utf8')).trim() };
      }
      return this.#kept.text;
    } catch (error) {
      throw new CodedError('CONFIG_UNREADABLE', `${this.#what} in ${this.#path} cannot be read`, {
        remedy: 'Mount the file into the pod of the driver and see that it may be read.',
        cause: error,
      });
    }
  }
}
