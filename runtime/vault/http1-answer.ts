/**
 * Reads one HTTP/1.1 answer from the bytes of a connection (RFC 9112). Strict: what is not exactly an answer ends the
 * connection. Every size is bounded before anything is kept.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the connection may carry another request. */
  readonly isKeptAlive: boolean;
}

/** What an answer may not be. */
export class AnswerFault extends Error {
  override readonly name = 'AnswerFault';
}

const maxHeadBytes = 32 * 1024;
const endOfHead = Buffer.from('\r\n\r\n');
const endOfLine = Buffer.from('\r\n');

export class AnswerReader {
  readonly #maxBodyBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #head: Head | undefined;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** The answer when these bytes complete it. @throws AnswerFault. */
  feed(chunk: Buffer): Answer | undefined {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#head === undefined) {
      const end = this.#bytes.indexOf(endOfHead);
      if (end > maxHeadBytes || (end < 0 && this.#bytes.length > maxHeadBytes))
        throw new AnswerFault('has a head without end');
      if (end < 0) return undefined;
      const head = readHead(this.#bytes.toString('latin1', 0, end));
      this.#bytes = this.#bytes.subarray(end + endOfHead.length);
      // An interim answer (1xx) announces the one that counts.
      if (head.status >= 200) this.#head = head;
    }
    return this.#complete(this.#head);
  }

  /** The answer when the end of the connection completes it: that of a server which states no length. */
  end(): Answer | undefined {
    const head = this.#head;
    return head?.framing === 'close' ? answer(head, this.#bytes, false) : undefined;
  }

  #complete(head: Head): Answer | undefined {
    if (head.framing === 'chunked') return this.#chunked(head);
    if (head.framing === 'close') {
      if (this.#bytes.length > this.#maxBodyBytes) throw this.#tooLarge();
      return undefined;
    }
    if (head.framing > this.#maxBodyBytes) throw this.#tooLarge();
    if (this.#bytes.length < head.framing) return undefined;
    // Bytes after the answer belong to nothing that was asked: the connection is not used again.
    const isKeptAlive = head.isKeptAlive && this.#bytes.length === head.framing;
    return answer(head, this.#bytes.subarray(0, head.framing), isKeptAlive);
  }

  #chunked(head: Head): Answer | undefined {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let at = 0;
    for (;;) {
      const end = this.#bytes.indexOf(endOfLine, at);
      if (end < 0) return this.#unfinished(at);
      const size = /^([0-9a-f]{1,8})(?:;.*)?$/i.exec(this.#bytes.toString('latin1', at, end))?.[1];
      if (size === undefined) throw new AnswerFault('has a chunk without a length');
      const length = Number.parseInt(size, 16);
      sizeBytes += length;
      if (sizeBytes > this.#maxBodyBytes) throw this.#tooLarge();
      const from = end + endOfLine.length;
      if (length === 0) return this.#trailed(head, from, Buffer.concat(chunks));
      if (this.#bytes.length < from + length + endOfLine.length) return undefined;
      chunks.push(this.#bytes.subarray(from, from + length));
      at = from + length + endOfLine.length;
    }
  }

  /** After the last chunk: fields that nobody needs, and an empty line. */
  #trailed(head: Head, from: number, body: Buffer): Answer | undefined {
    const isBare = this.#bytes.subarray(from, from + endOfLine.length).equals(endOfLine);
    const end = isBare ? from : this.#bytes.indexOf(endOfHead, from);
    if (end < 0) return this.#unfinished(from);
    const length = end + (isBare ? endOfLine.length : endOfHead.length);
    return answer(head, body, head.isKeptAlive && this.#bytes.length === length);
  }

  #unfinished(from: number): undefined {
    if (this.#bytes.length - from > maxHeadBytes) throw new AnswerFault('has a line without end');
    return undefined;
  }

  #tooLarge(): AnswerFault {
    return new AnswerFault(`is larger than ${this.#maxBodyBytes} bytes`);
  }
}

interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** How the end of the body is told: its length, chunks, or the end of the connection. */
  readonly framing: number | 'chunked' | 'close';
  readonly isKeptAlive: boolean;
}

function readHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, code] = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(first) ?? [];
  if (code === undefined) throw new AnswerFault('is not one of HTTP/1.1');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new AnswerFault('has a malformed header');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    if (before !== undefined && name === 'content-length' && before !== value) throw new AnswerFault('has two lengths');
    headers[name] = before === undefined || before === value ? value : `${before}, ${value}`;
  }
  const status = Number(code);
  const connection = headers.connection?.toLowerCase() ?? '';
  const isKeptAlive = minor === '1' ? !connection.includes('close') : connection.includes('keep-alive');
  return { status, headers, framing: framingOf(status, headers), isKeptAlive };
}

function framingOf(status: number, headers: Readonly<Record<string, string>>): Head['framing'] {
  const { 'transfer-encoding': encoding, 'content-length': length } = headers;
  if (status < 200 || status === 204 || status === 304) return 0;
  if (encoding !== undefined) {
    if (encoding.toLowerCase() === 'chunked' && length === undefined) return 'chunked';
    throw new AnswerFault('has an encoding that is not understood');
  }
  if (length === undefined) return 'close';
  if (!/^\d{1,12}$/.test(length)) throw new AnswerFault('has a malformed length');
  return Number(length);
}

function answer({ status, headers }: Head, body: Buffer, isKeptAlive: boolean): Answer {
  return { status, headers, body, isKeptAlive };
}
