/** R2: which keyslots a rotation leaves, of those that were not made by a rotation of ours. */
import type { VolumeDeps } from '../../../runtime/volume/context';
import { rotatePassphrase } from '../../../runtime/volume/rotate';
import { verifyKey } from '../../../runtime/volume/verify';
import { describeWith } from '../../harness/describe-with';
import { opens, storedDek, volume } from '../../harness/driver-facts';
import { RotationBench } from '../../harness/rotation-bench';

jest.setTimeout(120_000);

describeWith(['cryptsetup'], 'a rotation of a volume with further keyslots', () => {
  const bench = new RotationBench();
  let deps: VolumeDeps;
  beforeAll(async () => {
    await bench.start();
    deps = await bench.parts();
  });
  afterAll(() => bench.stop());
  const call = { secrets: new Map() };

  async function addKeyslot(id: string, keyslot: number, newDek: Awaited<ReturnType<typeof storedDek>>): Promise<void> {
    const device = await deps.backEnd.images.withHeader(volume(id), async (path) => path);
    const { luks } = (await deps.backEnd.volumes.get(id))?.encryption ?? {};
    if (!luks) throw new Error(`there is no volume ${id}`);
    using authDek = await storedDek(deps, volume(id));
    await deps.cryptsetup.addKey({ device, authDek, newDek, keyslot, luks });
  }

  test('removes the old key from each keyslot that has it, as ceph-csi leaves it in two when it is killed', async () => {
    const id = await bench.volume('metadata');
    using old = await storedDek(deps, volume(id));
    await addKeyslot(id, 1, old);
    await rotatePassphrase(deps, id, call);
    expect(await opens(deps, volume(id), old)).toBe(false);
    expect(await verifyKey(deps, volume(id), call)).toEqual({ keyslot: 2, otherKeyslots: [] });
  });

  test("leaves an operator's keyslot, and says that it is there", async () => {
    const id = await bench.volume('metadata');
    using operators = deps.kms.get('metadata').newDek();
    await addKeyslot(id, 5, operators);
    await rotatePassphrase(deps, id, call);
    expect(await opens(deps, volume(id), operators)).toBe(true);
    expect(await verifyKey(deps, volume(id), call)).toEqual({ keyslot: 1, otherKeyslots: [5] });
  });
});
