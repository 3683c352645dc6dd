/** The two files a guest boots with, kept in the user's cache under the hash of their source. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../cache-folder';
import { exec } from '../exec';
import { findCommand } from '../find-command';

/**
 * Absolute path of the guest's init. It is a copy: the kernel command line takes no path with a space, and a clone may
 * have one. In the cache folder such a space is an error.
 */
export function initScript(): string {
  const path = cached('init.sh');
  if (/\s/.test(path))
    throw new Error(`The guest cannot boot from ${path}: set XDG_CACHE_HOME to a path without spaces.`);
  if (!existsSync(path)) {
    const unfinished = `${path}.${process.pid}.unfinished`;
    copyFileSync(source('init.sh'), unfinished);
    chmodSync(unfinished, 0o755);
    renameSync(unfinished, path);
  }
  return path;
}

/** Absolute path of the ptrace shim, compiled when missing; undefined without a C compiler: most CPUs do not need it. */
export async function ptraceShim(): Promise<string | undefined> {
  const path = cached('ptrace-shim.c').replace(/\.c$/, '.so');
  if (existsSync(path)) return path;
  const gcc = findCommand('gcc');
  if (gcc === undefined) return undefined;
  const unfinished = `${path}.${process.pid}.unfinished`;
  const args = ['-shared', '-fPIC', '-O2', '-o', unfinished, source('ptrace-shim.c'), '-ldl'];
  const { exitCode } = await exec(gcc, args);
  if (exitCode === 0) renameSync(unfinished, path);
  else rmSync(unfinished, { force: true });
  return exitCode === 0 ? path : undefined;
}

function source(name: string): string {
  return join(__dirname, name);
}

function cached(name: string): string {
  const hash = createHash('sha256')
    .update(readFileSync(source(name)))
    .digest('hex')
    .slice(0, 12);
  return join(cacheFolder('guest'), `${hash}-${name}`);
}
