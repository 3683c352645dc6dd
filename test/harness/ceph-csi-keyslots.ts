/** What ceph-csi does with cryptsetup and its keyslots. From its sources (v3.17). */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The only arguments that are not ceph-csi's. It leaves the cost of keyslots to cryptsetup: two seconds for each later open, and
 * half of the memory for each key that is added; more than the guest has.
 */
export const quickly = ['--iter-time', '100'];
const little = ['--pbkdf-memory', '32768', ...quickly];

export async function addKey(device: string, old: string, next: string, slot: number): Promise<void> {
  await withKeyFiles([old, next], async ([oldFile = '', newFile = '']) => {
    const args = ['--verbose', `--key-file=${oldFile}`, `--key-slot=${slot}`, ...little, 'luksAddKey', device, newFile];
    const add = () => cryptsetup(args);
    try {
      await add();
    } catch (error) {
      if (!/Key slot \d+ is full/.test(String(error))) throw error;
      if (await isInSlot(device, newFile, slot)) return;
      await killSlot(device, oldFile, slot);
      await add();
    }
  });
}

async function isInSlot(device: string, keyFile: string, slot: number): Promise<boolean> {
  try {
    await cryptsetup([
      '--verbose',
      `--key-file=${keyFile}`,
      `--key-slot=${slot}`,
      ...little,
      'luksChangeKey',
      device,
      keyFile,
    ]);
    return true;
  } catch (error) {
    if (/No key available with this passphrase/.test(String(error))) return false;
    throw error;
  }
}

export async function killSlot(device: string, keyFile: string, slot: number): Promise<void> {
  try {
    await cryptsetup(['--verbose', `--key-file=${keyFile}`, 'luksKillSlot', device, `${slot}`]);
  } catch (error) {
    if (!/is not active/.test(String(error))) throw error;
  }
}

/** ceph-csi gives two keys at once in files. */
export async function withKeyFiles<T>(
  keys: readonly string[],
  action: (files: readonly string[]) => Promise<T>,
): Promise<T> {
  const files = keys.map((key) => {
    const file = join('/dev/shm', `luks-${randomUUID()}`);
    writeFileSync(file, key, { mode: 0o600 });
    return file;
  });
  try {
    return await action(files);
  } finally {
    for (const file of files) rmSync(file);
  }
}

/** @throws Error with what it wrote when it fails. */
export function cryptsetup(args: readonly string[], input?: string): Promise<string> {
  return tool('cryptsetup', args, input);
}

/** Asynchronous: the agent and other servers of a test may be in this process. */
export function tool(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { timeout: 150_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
