import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder in the user's cache, shared by every clone: `$XDG_CACHE_HOME/keyward/…`, else `~/.cache/keyward/…`. Made when missing. */
export function cacheFolder(...names: string[]): string {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keyward', ...names);
  mkdirSync(folder, { recursive: true });
  return folder;
}
