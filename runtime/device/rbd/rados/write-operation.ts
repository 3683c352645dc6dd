/** A change of one object as one operation of librados; the OSD carries out all of its parts, in this order, or none. */
import type { Pointer, RadosLibrary } from './functions';
import type { ClassCall, OmapChange } from './objects';

const equal = 1;
const onlyNew = 1;
const newOrPresent = 0;

/** Lends the operation to `action`. */
export async function withChange<T>(
  rados: RadosLibrary,
  change: OmapChange,
  action: (operation: Pointer) => Promise<T>,
): Promise<T> {
  const operation = rados.rados_create_write_op();
  try {
    if (change.mustExist) rados.rados_write_op_assert_exists(operation);
    // Always, because a comparison with an object that is missing fails even where absence is what is expected.
    else rados.rados_write_op_create(operation, change.createExclusively ? onlyNew : newOrPresent, null);
    for (const [key, value] of change.expect ?? []) compare(rados, operation, key, value ?? '');
    if (change.set !== undefined && change.set.size > 0) set(rados, operation, change.set);
    if (change.remove !== undefined && change.remove.length > 0) {
      rados.rados_write_op_omap_rm_keys2(operation, change.remove, lengths(change.remove), change.remove.length);
    }
    for (const call of change.execute ?? []) execute(rados, operation, call);
    return await action(operation);
  } finally {
    rados.rados_release_write_op(operation);
  }
}

/** To an OSD a key that is missing compares as an empty value. */
function compare(rados: RadosLibrary, operation: Pointer, key: string, value: string): void {
  const bytes = Buffer.from(value, 'utf8');
  rados.rados_write_op_omap_cmp2(operation, key, equal, bytes, Buffer.byteLength(key), bytes.length, null);
}

function set(rados: RadosLibrary, operation: Pointer, entries: ReadonlyMap<string, string>): void {
  const keys = [...entries.keys()];
  const values = [...entries.values()].map((value) => Buffer.from(value, 'utf8'));
  const valueBytes = values.map((value) => value.length);
  rados.rados_write_op_omap_set2(operation, keys, values, lengths(keys), valueBytes, keys.length);
}

function execute(rados: RadosLibrary, operation: Pointer, { objectClass, method, input }: ClassCall): void {
  rados.rados_write_op_exec(operation, objectClass, method, input, input.length, null);
}

function lengths(texts: readonly string[]): number[] {
  return texts.map((text) => Buffer.byteLength(text));
}
