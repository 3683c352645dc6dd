/** The functions of librados that we call, as they look from here. */

/** An address in the memory of librados. */
export type Pointer = bigint;

/** What a function writes through a pointer: a list of one, filled when the function has returned. */
export type Out<T> = [T | null];

export interface RadosLibrary {
  // librados.h describes each under its own name; results below zero are negated errno.
  readonly rados_create2: (cluster: Out<Pointer>, name: string, user: string, flags: number) => number;
  /** The value ends with a NUL. */
  readonly rados_conf_set: (cluster: Pointer, option: string, value: Uint8Array) => number;
  readonly rados_aio_create_completion2: (argument: null, callback: null, completion: Out<Pointer>) => number;
  readonly rados_aio_is_complete: (completion: Pointer) => number;
  readonly rados_aio_get_return_value: (completion: Pointer) => number;
  readonly rados_aio_release: (completion: Pointer) => void;
  readonly rados_ioctx_set_namespace: (pool: Pointer, namespace: string) => void;
  readonly rados_ioctx_destroy: (pool: Pointer) => void;
  readonly rados_set_pool_full_try: (pool: Pointer) => void;
  readonly rados_create_write_op: () => Pointer;
  readonly rados_release_write_op: (operation: Pointer) => void;
  readonly rados_write_op_assert_exists: (operation: Pointer) => void;
  readonly rados_write_op_create: (operation: Pointer, exclusive: number, category: null) => void;
  readonly rados_write_op_omap_cmp2: (
    operation: Pointer,
    key: string,
    operator: number,
    value: Uint8Array,
    keyBytes: number,
    valueBytes: number,
    result: null,
  ) => void;
  readonly rados_write_op_omap_set2: (
    operation: Pointer,
    keys: readonly string[],
    values: readonly Uint8Array[],
    keyBytes: readonly number[],
    valueBytes: readonly number[],
    count: number,
  ) => void;
  readonly rados_write_op_omap_rm_keys2: (
    operation: Pointer,
    keys: readonly string[],
    keyBytes: readonly number[],
    count: number,
  ) => void;
  readonly rados_write_op_exec: (
    operation: Pointer,
    objectClass: string,
    method: string,
    input: Uint8Array,
    inputBytes: number,
    result: null,
  ) => void;
  readonly rados_aio_write_op_operate: (
    operation: Pointer,
    pool: Pointer,
    completion: Pointer,
    object: string,
    modified: null,
    flags: number,
  ) => number;
  readonly rados_create_read_op: () => Pointer;
  readonly rados_release_read_op: (operation: Pointer) => void;
  readonly rados_read_op_omap_get_vals2: (
    operation: Pointer,
    after: string,
    prefix: string,
    limit: number,
    iterator: Out<Pointer>,
    more: Pointer,
    result: null,
  ) => void;
  readonly rados_aio_read_op_operate: (
    operation: Pointer,
    pool: Pointer,
    completion: Pointer,
    object: string,
    flags: number,
  ) => number;
  readonly rados_omap_get_next2: (
    iterator: Pointer,
    key: Out<Pointer>,
    value: Out<Pointer>,
    keyBytes: Out<number>,
    valueBytes: Out<number>,
  ) => number;
  readonly rados_omap_get_end: (iterator: Pointer) => void;
  readonly rados_aio_read: (
    pool: Pointer,
    object: string,
    completion: Pointer,
    buffer: Pointer,
    bytes: number,
    offset: number,
  ) => number;
  readonly rados_aio_remove: (pool: Pointer, object: string, completion: Pointer) => number;
  readonly rados_buffer_free: (buffer: Pointer) => void;

  // These wait for a monitor and have no asynchronous form: they run on a thread.
  readonly rados_connect: (cluster: Pointer) => Promise<number>;
  readonly rados_shutdown: (cluster: Pointer) => Promise<void>;
  readonly rados_pool_lookup: (cluster: Pointer, name: string) => Promise<number>;
  readonly rados_pool_list: (cluster: Pointer, buffer: Uint8Array, bytes: number) => Promise<number>;
  readonly rados_ioctx_create2: (cluster: Pointer, id: number, pool: Out<Pointer>) => Promise<number>;
  readonly rados_mon_command: Command;
  readonly rados_mgr_command: Command;

  /** Memory that stays where it is until {@link free}; for what is written after a function has returned. */
  readonly allocate: (bytes: number) => Pointer;
  readonly free: (memory: Pointer) => void;
  readonly copy: (memory: Pointer, bytes: number) => Buffer;
}

type Command = (
  cluster: Pointer,
  commands: readonly string[],
  count: number,
  input: null,
  inputBytes: number,
  answer: Out<Pointer>,
  answerBytes: Out<number>,
  text: Out<Pointer>,
  textBytes: Out<number>,
) => Promise<number>;
