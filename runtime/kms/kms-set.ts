/** All configured KMSs by id. Each is made when it is first asked for, and kept. */
import type { KmsSettings } from '../../lib/schema/kms';
import { CodedError } from '../errors';
import { Kms } from './kms';
import { makeProvider, type ProviderDeps } from './providers';

/** What each KMS id stands for. Its methods may throw while that is not known yet. */
export type KmsSettingsById = Pick<ReadonlyMap<string, KmsSettings>, 'get' | 'keys' | 'values'>;

export class KmsSet {
  readonly #settings: KmsSettingsById;
  readonly #deps: ProviderDeps;
  readonly #made = new Map<string, Kms>();
  #isClosed = false;

  constructor(settings: KmsSettingsById, deps: ProviderDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** @throws CodedError KMS_UNKNOWN naming the known ids, SHUTTING_DOWN after {@link close}; and what the settings throw. */
  get(kmsId: string): Kms {
    if (this.#isClosed) {
      throw new CodedError('SHUTTING_DOWN', 'the driver is shutting down', { remedy: 'Repeat the call later.' });
    }
    const present = this.#made.get(kmsId);
    if (present) return present;
    const settings = this.#settings.get(kmsId);
    if (!settings) throw this.#unknown(kmsId);
    const kms = new Kms({ kmsId }, makeProvider(settings, this.#deps));
    this.#made.set(kmsId, kms);
    return kms;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#made.values()].map((kms) => kms.close()));
  }

  #unknown(kmsId: string): CodedError {
    const known = [...this.#settings.keys()].sort().join(', ') || 'none';
    return new CodedError('KMS_UNKNOWN', `no KMS is called ${JSON.stringify(kmsId)} (known: ${known})`, {
      remedy: 'Add it to the KMS configuration, or correct encryptionKMSID in the StorageClass.',
    });
  }
}
