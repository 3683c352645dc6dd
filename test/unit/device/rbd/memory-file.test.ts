import { readdirSync, readlinkSync } from 'node:fs';
import { withMemoryFile } from '../../../../runtime/device/rbd/memory-file';
import { isErrno } from '../../../../runtime/errors';
import { run } from '../../../../runtime/process/run';
import { Secret } from '../../../../runtime/secret';

test('a tool reads the secret as often as it likes, and no folder has the file', async () => {
  const { stdout } = await withMemoryFile(Secret.fromText('key'), (stdinFile) => {
    expect(readlinkSync(`/proc/self/fd/${stdinFile}`)).toMatch(/^\/memfd:key/);
    return run('cat', ['/proc/self/fd/0', '/proc/self/fd/0'], { stdinFile });
  });
  expect(stdout).toBe('keykey');
});

test('the file is gone after the action, also when that fails', async () => {
  const failing = withMemoryFile(Secret.fromText('key'), () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(openFiles().filter((path) => path.startsWith('/memfd:key'))).toEqual([]);
});

/** Some close while they are listed. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  });
}
