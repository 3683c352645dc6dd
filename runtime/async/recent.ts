/** Things made on demand, by key; the ones used longest ago are given up when there are too many. */
export class Recent<V> {
  readonly #values = new Map<string, V>();
  readonly #limit: number;
  readonly #make: (key: string) => V;

  constructor(limit: number, make: (key: string) => V) {
    this.#limit = limit;
    this.#make = make;
  }

  get(key: string): V {
    const value = this.#values.get(key) ?? this.#make(key);
    this.#values.delete(key);
    this.#values.set(key, value);
    for (const oldest of [...this.#values.keys()].slice(0, -this.#limit)) this.#values.delete(oldest);
    return value;
  }

  /** Gives each to `end` and forgets it. */
  clear(end: (value: V) => void): void {
    for (const value of this.#values.values()) end(value);
    this.#values.clear();
  }
}
