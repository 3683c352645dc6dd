/** Logs failed calls without letting an outage fill a disk: one line a method and code in ten seconds, with the count. */
import type { CodedError } from '../errors';
import type { Log } from '../log';

const pauseMs = 10_000;

export function failureLog(log: Log, now: () => number = Date.now): (rpc: string, error: CodedError) => void {
  const lines = new Map<string, { until: number; count: number }>();
  return (rpc, error) => {
    const key = `${rpc} ${error.code}`;
    const line = lines.get(key) ?? { until: 0, count: 0 };
    lines.set(key, line);
    line.count += 1;
    if (now() < line.until) return;
    log.warn('call failed', { rpc, error, count: line.count });
    line.until = now() + pauseMs;
    line.count = 0;
  };
}
