import type { Socket } from 'node:net';

/** Everything until the other side has said all. The socket stays open to answer, unlike with the iterators of streams. */
export function receive(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.once('error', reject);
  });
}
