/** Objects as the binding to librados reads, changes and locks them; compared with what the `rados` command sees. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import type { RadosObjects } from '../../../runtime/device/rbd/rados/objects';
import { CEPH_TOOLS, type Ceph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { coded, newName, RadosFixture, texts, until } from './rados-fixture';

jest.setTimeout(240_000);

describeWith(CEPH_TOOLS, 'objects through librados', () => {
  let fixture: RadosFixture;
  let ceph: Ceph;
  let objects: RadosObjects;
  let poolId: number;
  let access: RadosFixture['access'];
  beforeAll(async () => {
    fixture = await RadosFixture.start();
    ({ ceph, poolId, access } = fixture);
    objects = fixture.cluster.objects('kube', '');
  });
  afterAll(() => fixture?.stop());

  describe('reading', () => {
    test('gives the bytes of an object, and undefined for none', async () => {
      const name = newName();
      expect(await objects.read(name)).toBeUndefined();
      await ceph.rados(['-p', 'kube', 'put', name, '-'], 'content');
      expect((await objects.read(name))?.toString()).toBe('content');
      await ceph.rados(['-p', 'kube', 'create', `${name}-empty`]);
      expect(await objects.read(`${name}-empty`)).toEqual(Buffer.alloc(0));
    });

    test('refuses an object that is larger than 64 KiB', async () => {
      const name = newName();
      await ceph.rados(['-p', 'kube', 'put', name, '-'], 'x'.repeat(64 * 1024));
      expect(await objects.read(name)).toHaveLength(64 * 1024);
      await ceph.rados(['-p', 'kube', 'put', name, '-'], 'x'.repeat(64 * 1024 + 1));
      await expect(objects.read(name)).rejects.toEqual(coded('CEPH_FAILED'));
    });

    test('gives all keys, however many, and those of a prefix', async () => {
      const name = newName();
      const wanted = Array.from({ length: 2500 }, (_, index) => [`csi.volume.${index}`, `value ${index}`] as const);
      await objects.change(name, { set: new Map([...wanted, ['other', 'x'], ['csi.snap.1', 'y']]) });
      const found = await objects.omap(name, 'csi.volume.');
      expect(texts(found)).toEqual(Object.fromEntries(wanted));
      expect((await objects.omap(name))?.size).toBe(2502);
      expect(await objects.omap(name, 'nothing')).toEqual(new Map());
    });

    test('gives values that are no text byte by byte, and empty ones', async () => {
      const [name, bytes] = [newName(), randomBytes(5000)];
      // NUL, bytes that are no UTF-8, and the line breaks that commands add.
      bytes.set([0, 0xff, 0xc3, 0x0a], 0);
      await ceph.rados(['-p', 'kube', 'setomapval', name, 'binary'], bytes);
      await objects.change(name, { set: new Map([['empty', '']]) });
      const found = await objects.omap(name);
      expect(found?.get('binary')?.equals(bytes)).toBe(true);
      expect(found?.get('empty')).toEqual(Buffer.alloc(0));
    });
  });

  describe('changing', () => {
    const keys = (entries: Record<string, string>) => new Map(Object.entries(entries));

    test('writes what the rados command reads, names and values of any script included', async () => {
      const name = newName();
      expect(await objects.change(name, { set: keys({ 'csi.volname': 'pvc-ü-名', k: 'v' }) })).toBe(true);
      expect(await ceph.rados(['-p', 'kube', 'listomapkeys', name])).toBe('csi.volname\nk\n');
      const [value] = texts(await objects.omap(name, 'csi.volname'))?.['csi.volname']?.match(/.*/) ?? [];
      expect(value).toBe('pvc-ü-名');
    });

    test('refuses to make an object that exists, or to change one that does not', async () => {
      const name = newName();
      expect(await objects.change(name, { mustExist: true, set: keys({ a: '1' }) })).toBe(false);
      expect(await objects.omap(name)).toBeUndefined();
      expect(await objects.change(name, { createExclusively: true, set: keys({ a: '1' }) })).toBe(true);
      expect(await objects.change(name, { createExclusively: true, set: keys({ a: '2' }) })).toBe(false);
      expect(await objects.change(name, { mustExist: true, set: keys({ b: '3' }) })).toBe(true);
      expect(texts(await objects.omap(name))).toEqual({ a: '1', b: '3' });
    });

    test('refuses when a value is not the expected one, is missing, or is there where none is expected', async () => {
      const name = newName();
      // An object that is missing has no keys, and is not made by a change that is refused.
      expect(await objects.change(name, { expect: new Map([['a', '1']]), set: keys({ a: '2' }) })).toBe(false);
      expect(await objects.omap(name)).toBeUndefined();
      expect(await objects.change(name, { expect: new Map([['a', undefined]]), set: keys({ a: '1' }) })).toBe(true);
      expect(await objects.change(name, { expect: new Map([['a', undefined]]), set: keys({ a: '2' }) })).toBe(false);
      expect(await objects.change(name, { expect: new Map([['a', '0']]), set: keys({ a: '2' }) })).toBe(false);
      expect(await objects.change(name, { expect: new Map([['b', '1']]), set: keys({ a: '2' }) })).toBe(false);
      expect(texts(await objects.omap(name))).toEqual({ a: '1' });
      expect(await objects.change(name, { expect: new Map([['a', '1']]), set: keys({ a: '2' }) })).toBe(true);
      expect(texts(await objects.omap(name))).toEqual({ a: '2' });
    });

    test('sets, removes and executes together, or does none of it', async () => {
      const name = newName();
      await objects.change(name, { set: keys({ gone: 'x', kept: 'y' }) });
      // metadata_set of one pair, k and v.
      const input = Buffer.from('0100000001000000' + '6b' + '01000000' + '76', 'hex');
      const execute = [{ objectClass: 'rbd', method: 'metadata_set', input }];
      const change = { set: keys({ added: 'z' }), remove: ['gone', 'never-there'], execute };

      const expectation = new Map([['kept', 'other']]);
      expect(await objects.change(name, { ...change, expect: expectation })).toBe(false);
      expect(texts(await objects.omap(name))).toEqual({ gone: 'x', kept: 'y' });
      const broken = [{ objectClass: 'rbd', method: 'metadata_set', input: Buffer.of(9) }];
      await expect(objects.change(name, { ...change, execute: broken })).rejects.toEqual(coded('CEPH_FAILED'));
      expect(texts(await objects.omap(name))).toEqual({ gone: 'x', kept: 'y' });

      expect(await objects.change(name, { ...change, expect: new Map([['kept', 'y']]) })).toBe(true);
      expect(texts(await objects.omap(name))).toEqual({ added: 'z', kept: 'y', metadata_k: 'v' });
    });

    test('of twenty who compare and set at the same time, from two connections, exactly one wins each round', async () => {
      const [name, second] = [newName(), await RadosCluster.connect(access())];
      const both = [objects, second.objects(poolId, '')];
      await objects.change(name, { set: keys({ turn: '0' }) });
      for (let round = 0; round < 10; round += 1) {
        const contenders = Array.from({ length: 20 }, async (_, index) => {
          const set = keys({ turn: `${round + 1}`, winner: `${index}` });
          return (await both[index % 2]?.change(name, { expect: new Map([['turn', `${round}`]]), set })) ? [index] : [];
        });
        const winners = (await Promise.all(contenders)).flat();
        expect(winners).toHaveLength(1);
        expect(texts(await objects.omap(name))).toEqual({ turn: `${round + 1}`, winner: `${winners[0]}` });
      }
      await second.close();
    });

    test('removes an object, and again', async () => {
      const name = newName();
      await objects.change(name, {});
      await objects.remove(name);
      expect(await objects.omap(name)).toBeUndefined();
      await objects.remove(name);
    });
  });

  describe('locks', () => {
    let second: RadosCluster;
    beforeAll(async () => {
      second = await RadosCluster.connect(access());
    });
    afterAll(() => second?.close());

    test('refuses a second client, and another cookie of the same, until it is given back', async () => {
      const name = newName();
      const other = second.objects('kube', '');
      expect(await objects.lock(name, 'keyward', 'a', 600_000)).toBe(true);
      expect(await objects.lock(name, 'keyward', 'a', 600_000)).toBe(true);
      expect(await objects.lock(name, 'keyward', 'b', 600_000)).toBe(false);
      expect(await other.lock(name, 'keyward', 'a', 600_000)).toBe(false);
      expect(await other.lock(name, 'another', 'a', 600_000)).toBe(true);
      const seen = JSON.parse(await ceph.rados(['-p', 'kube', 'lock', 'info', name, 'keyward', '--format', 'json']));
      expect(seen).toMatchObject({ name: 'keyward', type: 'exclusive', lockers: [{ cookie: 'a' }] });

      // Who does not hold it cannot give it back.
      await other.unlock(name, 'keyward', 'a');
      expect(await other.lock(name, 'keyward', 'a', 600_000)).toBe(false);
      await objects.unlock(name, 'keyward', 'a');
      expect(await other.lock(name, 'keyward', 'a', 600_000)).toBe(true);
    });

    test('ends by itself, and no sooner than its last renewal allows', async () => {
      const name = newName();
      const other = second.objects('kube', '');
      expect(await objects.lock(name, 'keyward', 'a', 1500)).toBe(true);
      expect(await objects.lock(name, 'keyward', 'a', 600_000)).toBe(true);
      await sleep(2000);
      expect(await other.lock(name, 'keyward', 'b', 600_000)).toBe(false);
      expect(await objects.lock(name, 'keyward', 'a', 500)).toBe(true);
      await until(() => other.lock(name, 'keyward', 'b', 600_000));
      expect(await objects.lock(name, 'keyward', 'a', 500)).toBe(false);
    });

    test('giving back what nobody holds, on an object that does not exist, is no error and makes none', async () => {
      const name = newName();
      await objects.unlock(name, 'keyward', 'a');
      expect(await objects.omap(name)).toBeUndefined();
    });
  });
});
