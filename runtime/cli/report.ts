/** How a command ends that failed: one line for people on standard error, and the exit code. */
import { toCoded } from '../errors';

/** 1: the command failed. 2 (by commander): the command line is wrong. */
export function reportAndExit(thrown: unknown): never {
  const error = toCoded(thrown);
  process.stderr.write(`keyward: ${error.code}: ${error.summary}\n`);
  if (error.code === 'INTERNAL' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
  process.exit(1);
}
