/**
 * A way to a server that notes every request, and can end at any of them: before the server has it, or before its answer is
 * out. On sockets, because the HTTP server of Node.js does not know the method LIST.
 */
import net, { type AddressInfo } from 'node:net';

export interface Interruption {
  /** How many requests still go through. */
  readonly after: number;
  /** `lost`: the server gets the next one, and its answer is lost. */
  readonly next: 'never-sent' | 'lost';
}

export interface Interruptible {
  readonly address: string;
  /** `METHOD path` of each request since the last call of `reset`. */
  readonly requests: readonly string[];
  /** Those that may change something. */
  readonly writes: readonly string[];
  reset(interruption?: Interruption): void;
  close(): Promise<void>;
}

/** @param target `http://host:port` */
export async function startInterruptible(target: string): Promise<Interruptible> {
  const { hostname, port } = new URL(target);
  const open = new Set<net.Socket>();
  let requests: string[] = [];
  let end: Interruption | undefined;
  const server = net.createServer((client) => {
    const onward = net.connect(Number(port), hostname);
    let waiting = Buffer.alloc(0);
    let isLost = false;
    const stop = () => {
      client.destroy();
      onward.destroy();
    };
    for (const socket of [client, onward]) {
      open.add(socket);
      socket.on('error', stop).on('close', () => {
        open.delete(socket);
        stop();
      });
    }
    onward.on('data', (chunk) => (isLost ? stop() : client.write(chunk)));
    client.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      for (let length = requestLength(waiting); length > 0; length = requestLength(waiting)) {
        requests.push(requestLine(waiting));
        const beyond = end ? requests.length - end.after : 0;
        if (end && (beyond > 1 || (beyond === 1 && end.next === 'never-sent'))) return stop();
        isLost = beyond === 1;
        onward.write(waiting.subarray(0, length));
        waiting = waiting.subarray(length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    get writes() {
      return requests.filter((request) => !/^(GET|LIST) /.test(request));
    },
    reset(interruption) {
      requests = [];
      end = interruption;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Length of the first request in the bytes; 0 when it is not whole yet. */
function requestLength(bytes: Buffer): number {
  const head = bytes.indexOf('\r\n\r\n');
  if (head < 0) return 0;
  const fields = bytes.subarray(0, head).toString('latin1');
  const body = head + 4;
  if (/\r\ntransfer-encoding: chunked/i.test(fields)) {
    const last = bytes.indexOf('0\r\n\r\n', body);
    return last < 0 ? 0 : last + 5;
  }
  const length = body + Number(/\r\ncontent-length: (\d+)/i.exec(fields)?.[1] ?? 0);
  return bytes.length < length ? 0 : length;
}

function requestLine(bytes: Buffer): string {
  const [method, path = ''] = bytes.subarray(0, bytes.indexOf('\r\n')).toString('latin1').split(' ');
  return `${method} ${path.replace('/v1/', '')}`;
}
