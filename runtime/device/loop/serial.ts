/** Runs the actions of one key one after the other, in the order of the calls. Different keys do not wait for each other. */
export class Serial {
  readonly #last = new Map<string, Promise<unknown>>();

  async run<T>(key: string, action: () => Promise<T>): Promise<T> {
    // How the one before ended is the business of its own caller.
    const before = this.#last.get(key)?.catch(() => undefined);
    const mine = before ? before.then(action) : action();
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
