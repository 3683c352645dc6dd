/** Design §8: the driver is killed inside of a step, when a tool is about to do its work or has just done it and nobody was told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VolumeDeps } from '../../../runtime/volume/context';
import type { SidecarRequests } from '../../../tools/local-pod/sidecars';
import { describeWith } from '../../harness/describe-with';
import { TestDriver } from '../../harness/driver';
import {
  filesOf,
  initialiseOnFile,
  leftovers,
  opens,
  partsOf,
  soundFacts,
  storedDek,
  volume,
} from '../../harness/driver-facts';
import { type KillPoint, ToolShims } from '../../harness/tool-shims';

jest.setTimeout(180_000);
const points: readonly KillPoint[] = ['before', 'after'];

describeWith(['cryptsetup'], 'killed inside of a step', () => {
  let root: string;
  let shims: ToolShims;
  let driver: TestDriver;
  let deps: VolumeDeps;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'kw-'));
    shims = new ToolShims(root, ['cryptsetup', 'cp']);
    driver = new TestDriver({ root, shims: shims.folder });
    await driver.start();
    deps = await partsOf(driver);
  });
  afterAll(async () => {
    await driver.stop();
    rmSync(root, { recursive: true });
  });
  afterEach(async () => {
    expect(await leftovers(driver)).toEqual([]);
    expect(filesOf(driver)).toEqual([]);
  });

  const create = async (requests: SidecarRequests, sourceId?: string) => {
    const source =
      sourceId === undefined ? undefined : ({ type: { case: 'volume', value: { volumeId: sourceId } } } as const);
    return (await driver.csi.controller.createVolume(requests.createVolume(source))).volume?.volumeId ?? '';
  };
  const remove = (id: string) => driver.csi.controller.deleteVolume({ volumeId: id });
  const rotate = (id: string) =>
    driver.csi.rotation.encryptionKeyRotate({
      volumeId: id,
      secrets: driver.claim('metadata').secretsFor('node-stage'),
    });
  async function used(): Promise<string> {
    const id = await create(driver.claim('metadata'));
    await initialiseOnFile(deps, id);
    return id;
  }
  async function dieIn(tool: string, verb: string, point: KillPoint, call: () => Promise<unknown>): Promise<void> {
    shims.killAt(tool, verb, point);
    await driver.dieDuring(call, `${tool} ${verb}, ${point}`);
    expect(shims.isDone(tool)).toBe(true);
  }

  test('R2: a rotation: at each instant the key in the KMS opens the volume, in the end one key does', async () => {
    const id = await used();
    const before = await soundFacts(deps, volume(id));
    const first = await storedDek(deps, volume(id));
    for (const verb of ['luksAddKey', '--key-slot', 'luksKillSlot', 'token']) {
      for (const point of points) {
        await dieIn('cryptsetup', verb, point, () => rotate(id));
        using dek = await storedDek(deps, volume(id));
        expect(await opens(deps, volume(id), dek)).toBe(true);
      }
    }
    await rotate(id);
    const after = await soundFacts(deps, volume(id));
    expect([after.dataHash, after.volumeKeyHash]).toEqual([before.dataHash, before.volumeKeyHash]);
    expect(await opens(deps, volume(id), first)).toBe(false);
    await remove(id);
  });

  test('R13: a clone: in the end it has the data and one key of its own', async () => {
    const id = await used();
    const source = await soundFacts(deps, volume(id));
    const sourceDek = await storedDek(deps, volume(id));
    const requests = driver.claim('metadata');
    const calls = [
      ['cp', '--'],
      ['cryptsetup', 'luksAddKey'],
      ['cryptsetup', 'luksKillSlot'],
      ['cryptsetup', 'luksUUID'],
      ['cryptsetup', 'token'],
    ] as const;
    for (const [tool, verb] of calls)
      for (const point of points) await dieIn(tool, verb, point, () => create(requests, id));
    const copyId = await create(requests, id);
    const copy = await soundFacts(deps, volume(copyId));
    expect([copy.dataHash, copy.volumeKeyHash]).toEqual([source.dataHash, source.volumeKeyHash]);
    expect(await opens(deps, volume(copyId), sourceDek)).toBe(false);
    expect(await soundFacts(deps, volume(id))).toEqual(source);
    await remove(copyId);
    await remove(id);
  });

  test('R13: a clone whose source was rotated before the call was repeated is copied anew', async () => {
    const id = await used();
    const requests = driver.claim('metadata');
    await dieIn('cryptsetup', 'luksAddKey', 'before', () => create(requests, id));
    await rotate(id);
    const copyId = await create(requests, id);
    expect((await soundFacts(deps, volume(copyId))).dataHash).toBe((await soundFacts(deps, volume(id))).dataHash);
    await remove(copyId);
    await remove(id);
  });
});
