/**
 * Operations that librados carries out beside this thread. Asking whether one is done costs nothing, and nothing of Node.js
 * waits for it: a thread for each would run out, and a function called by librados would hold its other operations up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pointer, RadosLibrary } from './functions';

/** An operation takes some milliseconds; one that takes seconds needs no attention in between. */
const longestPauseMs = 20;

/**
 * Starts an operation and gives its result: a negated errno, or what it answers. It ends, because the connection has
 * a timeout for operations.
 */
export async function complete(rados: RadosLibrary, start: (completion: Pointer) => number): Promise<number> {
  const completion = newCompletion(rados);
  try {
    const started = start(completion);
    if (started < 0) return started;
    for (
      let pauseMs = 1;
      rados.rados_aio_is_complete(completion) === 0;
      pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)
    ) {
      await sleep(pauseMs);
    }
    return rados.rados_aio_get_return_value(completion);
  } finally {
    rados.rados_aio_release(completion);
  }
}

function newCompletion(rados: RadosLibrary): Pointer {
  const made: [Pointer | null] = [null];
  const result = rados.rados_aio_create_completion2(null, null, made);
  if (result < 0 || made[0] === null) throw new Error(`librados made no completion: ${result}`);
  return made[0];
}
