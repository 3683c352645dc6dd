/** One TLS connection to a KMIP server: messages out and in, one after the other, bounded, until a signal fires. */
import { isIP } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { connectionFailed, hungUp, notUnderstood, stopped } from './errors';
import { announcedBytes, headerBytes } from './ttlv';

export interface KmipAddress {
  readonly host: string;
  readonly port: number;
  /** Name to expect in the certificate. Default: the host. */
  readonly serverName?: string | undefined;
}

/** A response to what we ask is far smaller; the largest wrapped key is 64 KiB of base64. */
const maxMessageBytes = 128 * 1024;

export class KmipConnection implements Disposable {
  readonly #socket: TLSSocket;
  readonly #signal: AbortSignal;
  readonly #doing: string;
  #received: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: TLSSocket, doing: string, signal: AbortSignal) {
    this.#socket = socket;
    this.#doing = doing;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(connectionFailed(error, doing)));
    socket.on('close', () => this.#fail(hungUp(doing)));
  }

  /** @throws ServiceError KMS_UNREACHABLE, KMS_TLS_UNTRUSTED, KMS_DENIED (client certificate), KMS_TIMEOUT; CodedError ABORTED */
  static async open(
    { host, port, serverName }: KmipAddress,
    secureContext: SecureContext,
    signal: AbortSignal,
  ): Promise<KmipConnection> {
    const doing = `connecting to ${host}:${port}`;
    if (signal.aborted) throw stopped(signal, doing);
    // An address is no name to send; the certificate is then checked against the address itself.
    const servername = serverName ?? (isIP(host) ? '' : host);
    const socket = connect({ host, port, servername, secureContext, rejectUnauthorized: true });
    const connection = new KmipConnection(socket, doing, signal);
    let isSecure = false;
    socket.once('secureConnect', () => {
      isSecure = true;
      connection.#wake();
    });
    try {
      await connection.#until(() => isSecure);
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends one message and gives the next whole one that comes. Who receives it zeroes it. */
  async exchange(message: Buffer): Promise<Buffer> {
    if (this.#received.length > 0) throw notUnderstood(this.#doing, 'came before the question');
    this.#socket.write(message);
    await this.#until(() => this.#isWhole());
    const answer = this.#received;
    this.#received = Buffer.alloc(0);
    return answer;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#received.fill(0);
    this.#socket.destroy();
  }

  readonly #onAbort = () => this.#fail(stopped(this.#signal, this.#doing));

  #isWhole(): boolean {
    if (this.#received.length < headerBytes) return false;
    const sizeBytes = announcedBytes(this.#received);
    if (sizeBytes > maxMessageBytes) throw notUnderstood(this.#doing, `is larger than ${maxMessageBytes} bytes`);
    if (this.#received.length > sizeBytes) throw notUnderstood(this.#doing, 'is longer than it says');
    return this.#received.length === sizeBytes;
  }

  #take(chunk: Buffer): void {
    // Beyond this nothing is kept: the check of the size ends the exchange.
    if (this.#received.length > maxMessageBytes) return;
    const joined = Buffer.concat([this.#received, chunk]);
    this.#received.fill(0);
    chunk.fill(0);
    this.#received = joined;
    this.#wake();
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#wake();
  }

  /** What has arrived counts before the end of the connection that came with it. */
  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
