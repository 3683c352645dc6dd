/** One after the other for the same key, in the order of arrival; different keys do not wait for each other. */
import { Semaphore } from './semaphore';

interface Queue {
  readonly turn: Semaphore;
  users: number;
}

export class Serial {
  readonly #queues = new Map<string, Queue>();

  /** @throws CodedError ABORTED when the signal fires while waiting. */
  async run<T>(key: string, action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const queue = this.#queues.get(key) ?? { turn: new Semaphore(1), users: 0 };
    this.#queues.set(key, queue);
    queue.users += 1;
    try {
      return await queue.turn.run(action, signal);
    } finally {
      queue.users -= 1;
      if (queue.users === 0) this.#queues.delete(key);
    }
  }
}
