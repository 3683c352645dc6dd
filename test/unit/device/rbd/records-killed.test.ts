/** A process that ends, or is interfered with, between any two writes of a record's life. */
import { type MemoryFixture, memoryFixture } from '../../../conformance/rbd-records/memory-fixture';
import {
  encryption,
  headerBytes,
  sizeBytes,
  uuidOf,
  volumeRecord,
  volumeStore,
} from '../../../conformance/rbd-records/records-fixture';

const instanceId = 'default';
const imageOf = (id: string) => `csi-vol-${uuidOf(id)}`;

/** As CreateVolume, a first stage and a rotation do it: each looks at the record before it acts. */
async function liveOnce(fixture: MemoryFixture): Promise<string> {
  const store = volumeStore({ pools: fixture.pools, instanceId });
  const id = await store.reserve('pvc-1');
  const current = async () => (await store.get(id)) ?? volumeRecord(id, 'pvc-1');
  if (!(await store.get(id))) await store.put(await current());
  if ((await current()).encryption.wrappedDek === undefined) {
    await store.update(id, encryption({ wrappedDek: 'wrapped-1' }));
  }
  await fixture.image('kube', imageOf(id), sizeBytes + headerBytes);
  if (!(await current()).complete) await store.update(id, (it) => ({ ...it, complete: true }));
  if ((await current()).encryption.wrappedDek === 'wrapped-1') {
    await store.update(id, encryption({ wrappedDek: 'wrapped-2' }));
  }
  const phases = ['prepared', 'formatting', 'formatted', 'ready'] as const;
  for (const phase of phases) {
    const present = await current();
    // Were a kill to make a volume of ours look like another driver's, its UUID would be learned anew.
    expect(present.encryption.foreign).toBeUndefined();
    if (phases.indexOf(present.encryption.phase) < phases.indexOf(phase)) await store.update(id, encryption({ phase }));
  }
  return id;
}

/** Lets so many writes through; what comes then never happens. */
function killAfter(fixture: MemoryFixture, writes: number): void {
  let left = writes;
  fixture.objects.beforeChange = () => {
    if (left === 0) throw new Error('killed');
    left -= 1;
  };
}

async function countWrites(action: (fixture: MemoryFixture) => Promise<unknown>): Promise<number> {
  const fixture = memoryFixture();
  let writes = 0;
  fixture.objects.beforeChange = () => {
    writes += 1;
  };
  await action(fixture);
  return writes;
}

test('R1, R2: a life killed after any of its writes ends as if it had not been', async () => {
  const writes = await countWrites(liveOnce);
  expect(writes).toBeGreaterThan(8);
  for (let count = 0; count < writes; count += 1) {
    const fixture = memoryFixture();
    killAfter(fixture, count);
    await expect(liveOnce(fixture)).rejects.toThrow('killed');
    fixture.objects.beforeChange = () => undefined;
    const id = await liveOnce(fixture);
    const record = await volumeStore({ pools: fixture.pools, instanceId }).get(id);
    expect(record).toMatchObject({ complete: true, encryption: { phase: 'ready', wrappedDek: 'wrapped-2' } });
    expect(record?.encryption.foreign).toBeUndefined();
    expect(await fixture.imageMetadata('kube', imageOf(id))).toEqual({
      'rbd.csi.ceph.com/encrypted': 'encrypted',
      'rbd.csi.ceph.com/dek': 'wrapped-2',
      'rbd.csi.ceph.com/luks2HeaderSize': String(headerBytes),
    });
    const entry = (await fixture.omap('kube', `csi.volume.${uuidOf(id)}`)) ?? {};
    expect(entry['csi.imageid']).toBeDefined();
    expect(entry['keyward.record']).not.toContain('wrapped');
  }
});

test('a forget killed after any of its writes leaves no volume, and the name to be used again', async () => {
  for (const writes of [0, 1]) {
    const fixture = memoryFixture();
    const id = await liveOnce(fixture);
    const store = volumeStore({ pools: fixture.pools, instanceId });
    killAfter(fixture, writes);
    await expect(store.forget(id, 'pvc-1')).rejects.toThrow('killed');
    fixture.objects.beforeChange = () => undefined;
    expect(await store.list()).toEqual(writes === 0 ? [id] : []);
    await store.forget(id, 'pvc-1');
    expect(await store.list()).toEqual([]);
    expect(await fixture.omap('kube', `csi.volumes.${instanceId}`)).toEqual({});
  }
});

test('an update of which the image changes in between is made on what is there then', async () => {
  const fixture = memoryFixture();
  const id = await liveOnce(fixture);
  const store = volumeStore({ pools: fixture.pools, instanceId });
  let interfered = false;
  fixture.objects.beforeChange = async () => {
    if (interfered) return;
    interfered = true;
    await fixture.setImageMetadata('kube', imageOf(id), 'rbd.csi.ceph.com/dek', 'of ceph-csi');
  };
  const seen: (string | undefined)[] = [];
  await store.update(id, (it) => {
    seen.push(it.encryption.wrappedDek);
    return encryption({ wrappedDek: 'wrapped-3' })(it);
  });
  expect(seen).toEqual(['wrapped-2', 'of ceph-csi']);
});

test('refuses to change the wrapped key of a finished volume along with something else', async () => {
  const fixture = memoryFixture();
  const id = await liveOnce(fixture);
  const store = volumeStore({ pools: fixture.pools, instanceId });
  const both = store.update(id, encryption({ wrappedDek: 'wrapped-3', kmsId: 'other' }));
  await expect(both).rejects.toThrow('along with something else');
  expect((await store.get(id))?.encryption).toMatchObject({ wrappedDek: 'wrapped-2', kmsId: 'tenants' });
});

test('gives up, and says so, while others keep changing the record', async () => {
  const fixture = memoryFixture();
  const id = await liveOnce(fixture);
  const store = volumeStore({ pools: fixture.pools, instanceId });
  let count = 0;
  fixture.objects.beforeChange = async () => {
    count += 1;
    const entry = await fixture.omap('kube', `csi.volume.${uuidOf(id)}`);
    const record = { ...JSON.parse(entry?.['keyward.record'] ?? ''), mkfsOptions: `-${count}` };
    await fixture.setOmap('kube', `csi.volume.${uuidOf(id)}`, { 'keyward.record': JSON.stringify(record) });
  };
  await expect(store.update(id, (it) => ({ ...it, sizeBytes: it.sizeBytes + 1 }))).toRejectWithCode('VOLUME_BUSY');
}, 30_000);

test('what another driver deletes while it is being changed does not come back', async () => {
  const fixture = memoryFixture();
  const store = volumeStore({ pools: fixture.pools, instanceId });
  const id = await store.reserve('pvc-1');
  const entry = `csi.volume.${uuidOf(id)}`;
  await fixture.setOmap('kube', entry, { 'csi.volname': 'pvc-1', 'csi.volume.encryptKMS': 'vault' });
  await fixture.image('kube', imageOf(id), sizeBytes);
  await fixture.setImageMetadata('kube', imageOf(id), 'rbd.csi.ceph.com/encrypted', 'encrypted');
  fixture.objects.beforeChange = () => fixture.removeObject('kube', entry);
  await expect(store.update(id, encryption({ phase: 'ready' }))).toRejectWithCode('VOLUME_NOT_FOUND');
  expect(await fixture.omap('kube', entry)).toBeUndefined();
});
