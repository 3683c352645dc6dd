/**
 * One holder a key. CSI lets a driver answer Aborted when a second call for the same volume arrives, and ceph-csi does;
 * waiting instead would hold a worker of the sidecar for the length of the first call.
 */
import { CodedError } from '../errors';

export class KeyedLock {
  readonly #held = new Map<string, string>();

  /**
   * Runs `action` while the key is held, or refuses at once.
   * @throws CodedError VOLUME_BUSY naming the key and what holds it.
   */
  async run<T>(key: string, operation: string, action: () => Promise<T>): Promise<T> {
    const holder = this.#held.get(key);
    if (holder !== undefined) {
      throw new CodedError('VOLUME_BUSY', `${key} is busy: ${holder} is still running`, {
        remedy: 'Repeat the call later.',
      });
    }
    this.#held.set(key, operation);
    try {
      return await action();
    } finally {
      this.#held.delete(key);
    }
  }

  get size(): number {
    return this.#held.size;
  }
}
