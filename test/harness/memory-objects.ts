/** RADOS objects in memory, checked by the same conformance suite as the real ones (test/conformance/rados-objects/). */
import type { ClassCall, OmapChange, RadosObjects } from '../../runtime/device/rbd/rados/objects';

interface StoredObject {
  data: Buffer;
  omap: Map<string, Buffer>;
  readonly locks: Map<string, { readonly client: MemoryObjects; readonly cookie: string; readonly untilMs: number }>;
}

/** Objects of one pool. Several clients see the same ones: pass the objects of the first to the others. */
export class MemoryObjects implements RadosObjects {
  readonly stored: Map<string, StoredObject>;
  /** Called before each change and removal, for tests that fail or interfere there. */
  beforeChange: (object: string) => void | Promise<void> = () => undefined;

  constructor(other?: MemoryObjects) {
    this.stored = other?.stored ?? new Map();
  }

  /** What `rados put` does. */
  write(object: string, data: Uint8Array): void {
    this.#made(object).data = Buffer.from(data);
  }

  async read(object: string): Promise<Buffer | undefined> {
    await turn();
    const found = this.stored.get(object);
    return found && Buffer.from(found.data);
  }

  async omap(object: string, prefix = ''): Promise<ReadonlyMap<string, Buffer> | undefined> {
    await turn();
    const found = this.stored.get(object);
    if (!found) return undefined;
    return new Map([...found.omap].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async change(object: string, change: OmapChange): Promise<boolean> {
    await turn();
    await this.beforeChange(object);
    const present = this.stored.get(object);
    if (change.createExclusively && present) return false;
    if (change.mustExist && !present) return false;
    for (const [key, value] of change.expect ?? []) {
      if ((present?.omap.get(key)?.toString() ?? '') !== (value ?? '')) return false;
    }
    const { omap } = this.#made(object);
    for (const [key, value] of change.set ?? []) omap.set(key, Buffer.from(value));
    for (const key of change.remove ?? []) omap.delete(key);
    for (const call of change.execute ?? []) execute(omap, call);
    return true;
  }

  async remove(object: string): Promise<void> {
    await turn();
    await this.beforeChange(object);
    this.stored.delete(object);
  }

  async lock(object: string, name: string, cookie: string, durationMs: number): Promise<boolean> {
    await turn();
    const { locks } = this.#made(object);
    const held = locks.get(name);
    const isOwn = held?.client === this && held.cookie === cookie;
    if (held && !isOwn && held.untilMs > Date.now()) return false;
    locks.set(name, { client: this, cookie, untilMs: Date.now() + durationMs });
    return true;
  }

  async renew(object: string, name: string, cookie: string, durationMs: number): Promise<boolean> {
    await turn();
    const locks = this.stored.get(object)?.locks;
    const held = locks?.get(name);
    if (!locks || held?.client !== this || held.cookie !== cookie || held.untilMs <= Date.now()) return false;
    locks.set(name, { ...held, untilMs: Date.now() + durationMs });
    return true;
  }

  async unlock(object: string, name: string, cookie: string): Promise<void> {
    await turn();
    const locks = this.stored.get(object)?.locks;
    const held = locks?.get(name);
    if (held?.client === this && held.cookie === cookie) locks?.delete(name);
  }

  #made(object: string): StoredObject {
    const found = this.stored.get(object) ?? { data: Buffer.alloc(0), omap: new Map(), locks: new Map() };
    this.stored.set(object, found);
    return found;
  }
}

/** So that calls at the same time do meet in between. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The two methods of the class `rbd` that change the metadata of an image. */
function execute(omap: Map<string, Buffer>, { objectClass, method, input }: ClassCall): void {
  const bytes = Buffer.from(input);
  let offset = 0;
  const integer = () => {
    offset += 4;
    return bytes.readUInt32LE(offset - 4);
  };
  const text = () => {
    const length = integer();
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  if (objectClass === 'rbd' && method === 'metadata_set') {
    for (let left = integer(); left > 0; left -= 1) {
      const key = text().toString();
      omap.set(`metadata_${key}`, Buffer.from(text()));
    }
  } else if (objectClass === 'rbd' && method === 'metadata_remove') {
    omap.delete(`metadata_${text().toString()}`);
  } else {
    throw new Error(`no method ${objectClass}.${method} in memory`);
  }
}
