/** The HTTP startup probe of a container, as the kubelet asks it, only more often. */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LocalProbe {
  readonly path: string;
  readonly port: number;
  readonly timeoutMs: number;
}

const pollMs = 25;

/** Ends early, without a word, when `signal` fires. @throws Error when the container does not answer in time. */
export async function waitUntilStarted({ path, port, timeoutMs }: LocalProbe, signal: AbortSignal): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!signal.aborted && !(await answers(path, port))) {
    if (performance.now() > until) throw new Error(`the container did not answer at ${path} within ${timeoutMs} ms`);
    await sleep(pollMs);
  }
}

function answers(path: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
