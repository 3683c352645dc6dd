/** What the journal and the records ask of RADOS objects, wherever they are. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RadosObjects } from '../../../runtime/device/rbd/rados/objects';

export interface ObjectsFixture {
  readonly objects: RadosObjects;
  /** The same objects, through another client. */
  readonly others: RadosObjects;
  /** What `rados put` does. */
  write(object: string, text: string): Promise<void>;
}

export function describeRadosObjects(name: string, start: () => Promise<ObjectsFixture>): void {
  describe(`RADOS objects: ${name}`, () => {
    let fixture: ObjectsFixture;
    let objects: RadosObjects;
    let object: string;
    beforeAll(async () => {
      fixture = await start();
      objects = fixture.objects;
    }, 240_000);
    beforeEach(() => {
      object = `object-${randomUUID()}`;
    });
    const asText = async (prefix?: string) => {
      const values = await objects.omap(object, prefix);
      return values && Object.fromEntries([...values].map(([key, value]) => [key, value.toString()]));
    };

    test('knows what is not there', async () => {
      expect(await objects.read(object)).toBeUndefined();
      expect(await objects.omap(object)).toBeUndefined();
      await objects.remove(object);
      expect(await objects.omap(object)).toBeUndefined();
    });

    test('reads an object, until it is removed', async () => {
      const text = `1\0ü${'x'.repeat(60_000)}`;
      await fixture.write(object, text);
      expect((await objects.read(object))?.toString()).toBe(text);
      await objects.remove(object);
      expect(await objects.read(object)).toBeUndefined();
    });

    test('sets and removes keys in one change, and makes the object', async () => {
      expect(await objects.change(object, { set: new Map(Object.entries({ a: '1', b: 'ü', empty: '' })) })).toBe(true);
      expect(await asText()).toEqual({ a: '1', b: 'ü', empty: '' });
      expect(await objects.change(object, { set: new Map([['a', '2']]), remove: ['b', 'never there'] })).toBe(true);
      expect(await asText()).toEqual({ a: '2', empty: '' });
      expect(await objects.read(object)).toEqual(Buffer.alloc(0));
    });

    test('gives the keys of a prefix, however many there are', async () => {
      const names = Array.from({ length: 2_500 }, (_, index) => `csi.volume.pvc-${index}`);
      await objects.change(object, { set: new Map(names.map((each) => [each, each.toUpperCase()])) });
      await objects.change(object, { set: new Map([['csi.other', 'x']]) });
      expect(Object.keys((await asText('csi.volume.')) ?? {}).sort()).toEqual(names.sort());
      expect(await asText('csi.volume.pvc-2499')).toEqual({ 'csi.volume.pvc-2499': 'CSI.VOLUME.PVC-2499' });
      expect(await asText('nothing')).toEqual({});
    });

    test('changes an object only where it is as expected, as a whole', async () => {
      const set = new Map([['b', 'new']]);
      await objects.change(object, { set: new Map([['a', '1']]) });
      expect(await objects.change(object, { expect: new Map([['a', '2']]), set })).toBe(false);
      expect(await objects.change(object, { expect: new Map([['a', undefined]]), set })).toBe(false);
      expect(await objects.change(object, { expect: new Map([['absent', '1']]), set })).toBe(false);
      expect(await objects.change(object, { expect: new Map([['a', '1']]), set, createExclusively: true })).toBe(false);
      expect(await asText()).toEqual({ a: '1' });
      const expected = new Map([
        ['a', '1'],
        ['absent', undefined],
      ]);
      expect(await objects.change(object, { expect: expected, set, remove: ['a'] })).toBe(true);
      expect(await asText()).toEqual({ b: 'new' });
    });

    test('expects of an object that is missing', async () => {
      const set = new Map([['a', '1']]);
      expect(await objects.change(object, { expect: new Map([['a', '1']]), set })).toBe(false);
      expect((await asText()) ?? {}).toEqual({});
      expect(await objects.change(object, { mustExist: true, set })).toBe(false);
      expect((await asText()) ?? {}).toEqual({});
      expect(await objects.change(object, { expect: new Map([['a', undefined]]), set })).toBe(true);
      expect(await asText()).toEqual(Object.fromEntries(set));
    });

    test('of many who make an object, or a key, at once, one does', async () => {
      const clients = Array.from({ length: 16 }, (_, index) => (index % 2 ? objects : fixture.others));
      const made = await Promise.all(clients.map((it) => it.change(object, { createExclusively: true })));
      expect(made.filter((each) => each)).toHaveLength(1);
      const changes = clients.map((it, index) =>
        it.change(object, { expect: new Map([['key', undefined]]), set: new Map([['key', String(index)]]) }),
      );
      const won = (await Promise.all(changes)).flatMap((each, index) => (each ? [String(index)] : []));
      expect(won).toHaveLength(1);
      expect(await asText()).toEqual({ key: won[0] });
    });

    test('runs a method of an object class in the same change, or not at all', async () => {
      const text = (each: string) => Buffer.concat([integer(Buffer.byteLength(each)), Buffer.from(each)]);
      const integer = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
      const input = Buffer.concat([integer(1), text('name'), text('value')]);
      const execute = [{ objectClass: 'rbd', method: 'metadata_set', input }];
      await objects.change(object, { set: new Map([['a', '1']]) });
      expect(await objects.change(object, { expect: new Map([['a', '2']]), execute })).toBe(false);
      expect(await asText('metadata_')).toEqual({});
      expect(await objects.change(object, { mustExist: true, expect: new Map([['a', '1']]), execute })).toBe(true);
      expect(await asText('metadata_')).toEqual({ metadata_name: 'value' });
    });

    test('lends a lock to one at a time, and not for ever', async () => {
      const { others } = fixture;
      expect(await objects.lock(object, 'lock', 'cookie', 600_000)).toBe(true);
      expect(await objects.lock(object, 'lock', 'cookie', 600_000)).toBe(true);
      expect(await others.lock(object, 'lock', 'cookie', 600_000)).toBe(false);
      expect(await others.lock(object, 'other', 'cookie', 600_000)).toBe(true);
      await others.unlock(object, 'lock', 'cookie');
      expect(await others.lock(object, 'lock', 'cookie', 600_000)).toBe(false);
      await objects.unlock(object, 'lock', 'cookie');
      await objects.unlock(object, 'lock', 'cookie');
      expect(await others.lock(object, 'lock', 'cookie', 1_000)).toBe(true);
      // Its holder is gone; nobody unlocks.
      while (!(await objects.lock(object, 'lock', 'cookie', 600_000))) await pause(100);
    }, 60_000);

    test('renews a lock for its holder only, and not when it has ended', async () => {
      const { others } = fixture;
      expect(await objects.renew(object, 'renewed', 'cookie', 600_000)).toBe(false);
      expect(await objects.lock(object, 'renewed', 'cookie', 600_000)).toBe(true);
      expect(await objects.renew(object, 'renewed', 'another', 600_000)).toBe(false);
      expect(await others.renew(object, 'renewed', 'cookie', 600_000)).toBe(false);
      expect(await objects.renew(object, 'renewed', 'cookie', 1_000)).toBe(true);
      // To whom it goes when it has ended is decided by who takes it.
      while (!(await others.lock(object, 'renewed', 'cookie', 600_000))) await pause(100);
      expect(await objects.renew(object, 'renewed', 'cookie', 600_000)).toBe(false);
      await others.unlock(object, 'renewed', 'cookie');
      expect(await objects.renew(object, 'renewed', 'cookie', 600_000)).toBe(false);
    }, 60_000);
  });
}
