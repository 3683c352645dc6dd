/**
 * Many who look at the same thing at the same time share a look. It begins after each of them has asked, so nobody is told of a
 * state that was gone before; at most one goes on and one waits, however many ask.
 */
export class SharedLook<T> {
  readonly #look: () => Promise<T>;
  #present: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(look: () => Promise<T>) {
    this.#look = look;
  }

  /** What the look that is begun now, or the next one, sees. @throws what it throws, to all who share it. */
  now(): Promise<T> {
    if (this.#present === undefined) return this.#begin();
    this.#next ??= this.#present.then(this.#goOn, this.#goOn);
    return this.#next;
  }

  readonly #goOn = (): Promise<T> => {
    this.#next = undefined;
    return this.#begin();
  };

  #begin(): Promise<T> {
    const present = this.#look().finally(() => {
      if (this.#present === present) this.#present = undefined;
    });
    this.#present = present;
    return present;
  }
}
