/** Serves the control socket of a box. */
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { ControlAnswer, ControlRequest, OperationName, Operations } from './control-protocol';
import { receive } from './receive';

/** What each operation does. */
export type Operators = {
  readonly [Name in OperationName]: (request: Operations[Name]['request']) => Promise<Operations[Name]['answer']>;
};

/** Listens on `path`, which only this user may connect to. @throws system errors of listening */
export async function serveControl(path: string, operators: Operators): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Who asked is gone: nobody is left to tell.
    socket.on('error', () => undefined);
    answer(socket, operators).catch(() => socket.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  chmodSync(path, 0o600);
  return server;
}

async function answer(socket: Socket, operators: Operators): Promise<void> {
  const request: ControlRequest = JSON.parse(await receive(socket));
  socket.end(JSON.stringify(await perform(request, operators)));
}

async function perform({ operation, request }: ControlRequest, operators: Operators): Promise<ControlAnswer> {
  try {
    // Which request belongs to which operation is known pair by pair only.
    const operator = operators[operation] as (request: object) => Promise<object>;
    return { answer: await operator(request) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
