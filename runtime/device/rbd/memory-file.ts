/**
 * A secret as a file that exists in memory only, without a name: for a program that opens its standard input again for each
 * reading, which a pipe does not bear.
 */
import { closeSync, writeSync } from 'node:fs';
import { CodedError } from '../../errors';
import type { Secret } from '../../secret';

/** Inherited by nobody but who gets it as a standard stream. */
const closeOnExec = 1;

/** Lends the descriptor of the file, which is gone afterwards. @throws CodedError TOOL_MISSING. */
export async function withMemoryFile<T>(secret: Secret, action: (descriptor: number) => Promise<T>): Promise<T> {
  const descriptor = (await loadMemfdCreate())('key', closeOnExec);
  if (descriptor < 0) throw unavailable();
  try {
    secret.use((bytes) => writeSync(descriptor, bytes));
    return await action(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function loadMemfdCreate(): Promise<(name: string, flags: number) => number> {
  try {
    const { load } = await import('koffi');
    // What is linked into this process: the C library.
    return load(null).func('int memfd_create(const char *, unsigned int)');
  } catch (cause) {
    throw unavailable(cause);
  }
}

function unavailable(cause?: unknown): CodedError {
  return new CodedError('TOOL_MISSING', 'no file in memory can be made for the key of rbd-nbd', {
    remedy: 'Install the npm package koffi in the image of the driver, or use the mounter rbd.',
    cause,
  });
}
