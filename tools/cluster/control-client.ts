/** Asks a box. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { ControlAnswer, OperationName, Operations } from './control-protocol';
import { receive } from './receive';

/** No box answers: it is not there, or was killed and left its folder. */
export class NoBoxError extends Error {
  override readonly name = 'NoBoxError';
}

/**
 * Performs one operation of the box whose control socket is `path`.
 * @throws NoBoxError; Error with what went wrong in the box
 */
export async function askBox<Name extends OperationName>(
  path: string,
  operation: Name,
  request: Operations[Name]['request'],
): Promise<Operations[Name]['answer']> {
  const received = await exchange(path, JSON.stringify({ operation, request }));
  if (received === '') throw new NoBoxError(`the box on ${path} ended before it had answered ${operation}`);
  const answer: ControlAnswer = JSON.parse(received);
  if ('error' in answer) throw new Error(answer.error);
  return answer.answer as Operations[Name]['answer'];
}

async function exchange(path: string, text: string): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  try {
    await once(socket, 'connect');
    const received = receive(socket);
    socket.end(text);
    return await received;
  } catch (error) {
    throw new NoBoxError(`no box answers on ${path}`, { cause: error });
  }
}
