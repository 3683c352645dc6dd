/** The keys and values of one object, read page by page: an OSD gives about a thousand at once. */
import { complete } from './completion';
import { errno } from './errno';
import type { Out, Pointer, RadosLibrary } from './functions';

const pageKeys = 1000;

/**
 * All keys that begin with `prefix`, or undefined when the object is missing.
 * `fail` makes the error of a result.
 */
export async function readOmap(
  rados: RadosLibrary,
  pool: Pointer,
  object: string,
  prefix: string,
  fail: (result: number) => Error,
): Promise<Map<string, Buffer> | undefined> {
  const entries = new Map<string, Buffer>();
  for (let after = ''; ; ) {
    const page = await readPage(rados, pool, object, { after, prefix });
    if (page.result === -errno.ENOENT) return undefined;
    if (page.result < 0) throw fail(page.result);
    for (const [key, value] of page.entries) entries.set(key, value);
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return entries;
    [after] = last;
  }
}

interface Page {
  readonly result: number;
  readonly entries: readonly (readonly [string, Buffer])[];
  readonly more: boolean;
}

async function readPage(
  rados: RadosLibrary,
  pool: Pointer,
  object: string,
  { after, prefix }: { readonly after: string; readonly prefix: string },
): Promise<Page> {
  const operation = rados.rados_create_read_op();
  const more = rados.allocate(1);
  let iterator: Pointer | null = null;
  try {
    const made: Out<Pointer> = [null];
    rados.rados_read_op_omap_get_vals2(operation, after, prefix, pageKeys, made, more, null);
    [iterator] = made;
    const result = await complete(rados, (completion) =>
      rados.rados_aio_read_op_operate(operation, pool, completion, object, 0),
    );
    if (result < 0 || iterator === null) return { result, entries: [], more: false };
    return { result, entries: drain(rados, iterator), more: rados.copy(more, 1)[0] !== 0 };
  } finally {
    if (iterator !== null) rados.rados_omap_get_end(iterator);
    rados.free(more);
    rados.rados_release_read_op(operation);
  }
}

function drain(rados: RadosLibrary, iterator: Pointer): (readonly [string, Buffer])[] {
  const entries: (readonly [string, Buffer])[] = [];
  for (;;) {
    const [key, value, keyBytes, valueBytes] = [[null], [null], [null], [null]] as [
      Out<Pointer>,
      Out<Pointer>,
      Out<number>,
      Out<number>,
    ];
    rados.rados_omap_get_next2(iterator, key, value, keyBytes, valueBytes);
    if (key[0] === null) return entries;
    const bytes = value[0] === null ? Buffer.alloc(0) : rados.copy(value[0], Number(valueBytes[0]));
    entries.push([rados.copy(key[0], Number(keyBytes[0])).toString('utf8'), bytes]);
  }
}
