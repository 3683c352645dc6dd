/**
 * Who has an image open: the one thing that librbd is asked for. librados' C interface cannot list watchers, and the command
 * `rbd status` is a process of its own in every attach and every delete.
 */
import { errno, radosError } from './errno';
import type { Out, Pointer } from './functions';
import { type importKoffi, loadLibrary, onThread } from './library';

interface Librbd {
  readonly rbd_open_read_only: (pool: Pointer, name: string, image: Out<Pointer>, snapshot: null) => Promise<number>;
  readonly rbd_watchers_list: (image: Pointer, watchers: Pointer, count: Pointer) => Promise<number>;
  readonly rbd_watchers_list_cleanup: (watchers: Pointer, count: number) => void;
  readonly rbd_close: (image: Pointer) => Promise<number>;
  readonly allocate: (bytes: number) => Pointer;
  readonly free: (memory: Pointer) => void;
  readonly setSize: (memory: Pointer, value: number) => void;
  readonly size: (memory: Pointer) => number;
  /** The text that the pointer at `memory` + `offset` leads to. */
  readonly text: (memory: Pointer, offset: number) => string;
}

/** `rbd_image_watcher_t`: char *addr, int64_t id, uint64_t cookie. */
const watcherBytes = 24;
const mostWatchers = 256;

/**
 * Addresses of the clients that have the image open. An image that is not there has none. Reading does not count as having it
 * open. @throws CodedError CEPH_*, TOOL_MISSING.
 */
export async function watchersOf(pool: Pointer, image: string): Promise<readonly string[]> {
  const rbd = await loadLibrary('librbd', bind);
  const opened: Out<Pointer> = [null];
  const result = await rbd.rbd_open_read_only(pool, image, opened, null);
  if (result === -errno.ENOENT) return [];
  if (result < 0 || opened[0] === null) throw radosError(`open the image ${image}`, result);
  const [list, count] = [rbd.allocate(watcherBytes * mostWatchers), rbd.allocate(8)];
  try {
    rbd.setSize(count, mostWatchers);
    const listed = await rbd.rbd_watchers_list(opened[0], list, count);
    if (listed < 0) throw radosError(`see who has the image ${image} open`, listed);
    const found = rbd.size(count);
    const addresses = Array.from({ length: found }, (_, index) => rbd.text(list, index * watcherBytes));
    rbd.rbd_watchers_list_cleanup(list, found);
    return addresses;
  } finally {
    await rbd.rbd_close(opened[0]);
    rbd.free(list);
    rbd.free(count);
  }
}

function bind(koffi: Awaited<ReturnType<typeof importKoffi>>): Librbd {
  const library = koffi.load('librbd.so.1');
  return {
    rbd_open_read_only: onThread(
      library.func('int rbd_open_read_only(void *, const char *, _Out_ void **, const char *)'),
    ),
    rbd_watchers_list: onThread(library.func('int rbd_watchers_list(void *, void *, void *)')),
    rbd_watchers_list_cleanup: library.func('void rbd_watchers_list_cleanup(void *, size_t)'),
    rbd_close: onThread(library.func('int rbd_close(void *)')),
    allocate: (bytes) => koffi.alloc('uint8_t', bytes),
    free: (memory) => koffi.free(memory),
    setSize: (memory, value) => koffi.encode(memory, 'size_t', value),
    size: (memory) => Number(koffi.decode(memory, 'size_t')),
    text: (memory, offset) => koffi.decode(memory, offset, 'char *'),
  };
}
