/** Lets connections of the machine into the network of the box. */
import { connect, type Server, type Socket } from 'node:net';

/**
 * Answers every connection of `server`, which listens in the network of the machine, with one of this process's network. A
 * listening socket stays in the network in which it was made, whoever holds it.
 */
export function relay(server: Server, target: { readonly host: string; readonly port: number }): void {
  server.on('connection', (outer: Socket) => {
    const inner = connect({ ...target, allowHalfOpen: true });
    const end = () => {
      outer.destroy();
      inner.destroy();
    };
    // A refused or broken connection is told by closing the other one.
    outer.on('error', end).on('close', end);
    inner.on('error', end).on('close', end);
    outer.setNoDelay(true).pipe(inner.setNoDelay(true)).pipe(outer);
  });
}
