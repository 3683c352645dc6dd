/**
 * Puts the socket file back when somebody removed it: a cleaned-up folder would else cut off the API server at its next
 * connection, with a plugin that looks alive.
 */
import { toCoded } from '../errors';
import type { ListeningSocket } from '../grpc/socket-address';
import type { Log } from '../log';

const checkMs = 5_000;

export class SocketGuard {
  readonly #listen: () => Promise<ListeningSocket>;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #socket: ListeningSocket;
  #checking = false;

  /** @param listen to be called again; ends the listening on the old file first */
  constructor(socket: ListeningSocket, listen: () => Promise<ListeningSocket>, log: Log) {
    this.#socket = socket;
    this.#listen = listen;
    this.#log = log;
    this.#timer = setInterval(() => void this.check(), checkMs);
  }

  async check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    try {
      if (await this.#socket.isInPlace()) return;
      this.#log.error('the socket file was removed or replaced; it is made again');
      this.#socket = await this.#listen();
    } catch (error) {
      this.#log.error('the socket file cannot be made again at present', { error: toCoded(error) });
    } finally {
      this.#checking = false;
    }
  }

  /** Ends the checks and removes the file. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#socket.remove();
  }
}
