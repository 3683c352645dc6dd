/**
 * Makes copies independent of what they were copied from, in the background of the calls: that reads and writes as much as
 * the image holds. One for the whole process. What a restart interrupts, the next copy of the image begins again.
 */
import { Semaphore } from '../../async/semaphore';
import { toCoded } from '../../errors';
import type { Log } from '../../log';
import { type ImageSpec, specText } from './image-spec';
import type { RbdCli } from './rbd-cli';

/** Each moves whole images through this node. */
const atOnce = 2;

export class Flattening {
  readonly #log: Log;
  readonly #places = new Semaphore(atOnce);
  readonly #running = new Map<string, Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Returns at once; does nothing while the image is already being flattened. */
  start(cli: RbdCli, image: ImageSpec): void {
    const name = specText(image);
    if (this.#running.has(name)) return;
    // The call that began it ends first, and with it the lifetime of its secrets.
    const running = cli
      .withOwnKey((own) => this.#places.run(() => own.flatten(image)))
      .then(
        () => this.#log.info('image flattened', { path: name }),
        (error: unknown) => this.#log.warn('image not flattened', { path: name, code: toCoded(error).code, error }),
      )
      .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
