/**
 * librados, called in this process. It is loaded when a Ceph cluster is used first, so that who has none needs neither the
 * library nor koffi, which calls it.
 */
import { Semaphore } from '../../../async/semaphore';
import { CodedError } from '../../../errors';
import type { RadosLibrary } from './functions';

/**
 * Of the four threads that Node.js has for files, names and this. A cluster that does not answer holds one until its
 * timeout, and the driver must still be able to read a file meanwhile.
 */
const threads = new Semaphore(2);

const loading = new Map<string, Promise<unknown>>();

/** librados; loaded once. @throws CodedError TOOL_MISSING. */
export function loadRados(): Promise<RadosLibrary> {
  return loadLibrary('librados', bind);
}

/** A library of Ceph; loaded once. @throws CodedError TOOL_MISSING. */
export function loadLibrary<L>(name: string, bindTo: (koffi: Koffi) => L): Promise<L> {
  const present = loading.get(name) ?? load(name, bindTo);
  loading.set(name, present);
  // It may be installed by the time somebody asks again.
  present.catch(() => loading.delete(name));
  return present as Promise<L>;
}

async function load<L>(name: string, bindTo: (koffi: Koffi) => L): Promise<L> {
  try {
    return bindTo(await importKoffi());
  } catch (cause) {
    throw new CodedError('TOOL_MISSING', `${name} cannot be loaded`, {
      remedy: 'Install the packages librados2 and librbd1 and the npm package koffi in the image of the driver.',
      cause,
    });
  }
}

export const importKoffi = () => import('koffi');
type Koffi = Awaited<ReturnType<typeof importKoffi>>;
type Native = ReturnType<ReturnType<Koffi['load']>['func']>;

/** For functions that wait for the cluster and have no asynchronous form: they run on a thread. */
export function onThread<A extends readonly unknown[], R>(native: Native): (...args: A) => Promise<R> {
  const call = (args: A) =>
    new Promise<R>((resolve, reject) => {
      native.async(...args, (error: unknown, result: R) => (error ? reject(error) : resolve(result)));
    });
  return (...args) => threads.run(() => call(args));
}

function bind(koffi: Koffi): RadosLibrary {
  const library = koffi.load('librados.so.2');
  const func = (prototype: string) => library.func(prototype);
  const command = 'void *, const char **, size_t, void *, size_t, _Out_ void **, _Out_ size_t *, _Out_ void **';
  return {
    rados_create2: func('int rados_create2(_Out_ void **, const char *, const char *, uint64_t)'),
    rados_conf_set: func('int rados_conf_set(void *, const char *, const uint8_t *)'),
    rados_aio_create_completion2: func('int rados_aio_create_completion2(void *, void *, _Out_ void **)'),
    rados_aio_is_complete: func('int rados_aio_is_complete(void *)'),
    rados_aio_get_return_value: func('int rados_aio_get_return_value(void *)'),
    rados_aio_release: func('void rados_aio_release(void *)'),
    rados_ioctx_set_namespace: func('void rados_ioctx_set_namespace(void *, const char *)'),
    rados_ioctx_destroy: func('void rados_ioctx_destroy(void *)'),
    rados_set_pool_full_try: func('void rados_set_pool_full_try(void *)'),
    rados_create_write_op: func('void *rados_create_write_op()'),
    rados_release_write_op: func('void rados_release_write_op(void *)'),
    rados_write_op_assert_exists: func('void rados_write_op_assert_exists(void *)'),
    rados_write_op_create: func('void rados_write_op_create(void *, int, const char *)'),
    rados_write_op_omap_cmp2: func(
      'void rados_write_op_omap_cmp2(void *, const char *, uint8_t, const uint8_t *, size_t, size_t, int *)',
    ),
    rados_write_op_omap_set2: func(
      'void rados_write_op_omap_set2(void *, const char **, const uint8_t **, const size_t *, const size_t *, size_t)',
    ),
    rados_write_op_omap_rm_keys2: func(
      'void rados_write_op_omap_rm_keys2(void *, const char **, const size_t *, size_t)',
    ),
    rados_write_op_exec: func(
      'void rados_write_op_exec(void *, const char *, const char *, const uint8_t *, size_t, int *)',
    ),
    rados_aio_write_op_operate: func(
      'int rados_aio_write_op_operate(void *, void *, void *, const char *, void *, int)',
    ),
    rados_create_read_op: func('void *rados_create_read_op()'),
    rados_release_read_op: func('void rados_release_read_op(void *)'),
    rados_read_op_omap_get_vals2: func(
      'void rados_read_op_omap_get_vals2(void *, const char *, const char *, uint64_t, _Out_ void **, void *, int *)',
    ),
    rados_aio_read_op_operate: func('int rados_aio_read_op_operate(void *, void *, void *, const char *, int)'),
    rados_omap_get_next2: func(
      'int rados_omap_get_next2(void *, _Out_ void **, _Out_ void **, _Out_ size_t *, _Out_ size_t *)',
    ),
    rados_omap_get_end: func('void rados_omap_get_end(void *)'),
    rados_aio_read: func('int rados_aio_read(void *, const char *, void *, void *, size_t, uint64_t)'),
    rados_aio_remove: func('int rados_aio_remove(void *, const char *, void *)'),
    rados_buffer_free: func('void rados_buffer_free(void *)'),
    rados_connect: onThread(func('int rados_connect(void *)')),
    rados_shutdown: onThread(func('void rados_shutdown(void *)')),
    rados_pool_lookup: onThread(func('int64_t rados_pool_lookup(void *, const char *)')),
    rados_pool_list: onThread(func('int rados_pool_list(void *, _Out_ uint8_t *, size_t)')),
    rados_ioctx_create2: onThread(func('int rados_ioctx_create2(void *, int64_t, _Out_ void **)')),
    rados_mon_command: onThread(func(`int rados_mon_command(${command}, _Out_ size_t *)`)),
    rados_mgr_command: onThread(func(`int rados_mgr_command(${command}, _Out_ size_t *)`)),
    allocate: (bytes) => koffi.alloc('uint8_t', bytes),
    free: (memory) => koffi.free(memory),
    copy: (memory, bytes) => Buffer.from(koffi.decode(memory, 'uint8_t', bytes)),
  };
}
