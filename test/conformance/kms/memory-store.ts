/** The metadata of one volume, in memory, with the compare-and-set that the port demands. */
import { CodedError } from '../../../runtime/errors';
import type { WrappedKeyStore } from '../../../runtime/kms/key-family';

export class MemoryStore implements WrappedKeyStore {
  wrapped: string | undefined;

  constructor(wrapped?: string) {
    this.wrapped = wrapped;
  }

  async read(): Promise<string | undefined> {
    return this.wrapped;
  }

  async write(wrapped: string, expected: string | undefined): Promise<void> {
    if (this.wrapped !== expected)
      throw new CodedError('KMS_CONFLICT', 'the metadata has changed', { remedy: 'Read.' });
    this.wrapped = wrapped;
  }
}
