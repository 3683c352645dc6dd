/**
 * R2 on mounted volumes, one for each KMS type of the table on its real server: passphrase and KEK are rotated again and
 * again while a process writes to all of them. KEYWARD_LONG_TESTS=1 rotates twenty times, and has the types of tenants too:
 * their API server takes the guest minutes to start.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KmsType, kmsFeatures, kmsTypes } from '../../lib/schema/kms';
import type { VolumeDeps } from '../../runtime/volume/context';
import { rewrapKey } from '../../runtime/volume/rewrap';
import { rotatePassphrase } from '../../runtime/volume/rotate';
import { stageVolume } from '../../runtime/volume/stage';
import { unstageVolume } from '../../runtime/volume/unstage';
import { type EveryKms, everyKmsTools, startEveryKms, typesOfTenants } from '../conformance/kms/every-kms';
import { describeWith } from '../harness/describe-with';
import { opens, soundFacts, storedDek, volume } from '../harness/driver-facts';
import { FileLoad } from '../harness/file-load';
import { runsLongTests } from '../harness/long-test';
import { RotationBench } from '../harness/rotation-bench';

jest.setTimeout(60 * 60_000);

const rotations = runsLongTests ? 20 : 2;
const types = (Object.keys(kmsTypes) as KmsType[]).filter((type) => runsLongTests || !typesOfTenants.includes(type));
const call = { secrets: new Map() };

describeWith(everyKmsTools, 'a mounted volume whose keys are rotated while it is written to', () => {
  const bench = new RotationBench();
  const mounts = new Map<string, { readonly id: string; readonly stagingPath: string }>();
  let kms: EveryKms;
  let deps: VolumeDeps;
  let load: FileLoad;

  beforeAll(async () => {
    const { folder } = bench;
    kms = await startEveryKms({ folder, tenants: runsLongTests, putSecret: (...secret) => bench.putSecret(...secret) });
    if (kms.tenantAgent !== undefined) writeFileSync(join(folder, 'tenant-agent'), kms.tenantAgent);
    await bench.start(kms.settings);
    deps = await bench.parts();
    for (const type of types) mounts.set(type, await mount(type));
    load = new FileLoad([...mounts.values()].map(({ stagingPath }) => stagingPath));
  });
  afterAll(async () => {
    for (const { id, stagingPath } of mounts.values()) await unstageVolume(deps, id, stagingPath);
    await deps?.kms.close();
    await kms?.stop();
    bench.stop();
  });

  async function mount(type: KmsType) {
    const id = await bench.newVolume(type);
    const stagingPath = join(bench.folder, 'mounts', id);
    mkdirSync(stagingPath, { recursive: true });
    const request = { volumeId: id, stagingPath, accessType: 'mount', readOnly: false, mountFlags: [] } as const;
    await stageVolume(deps, request, call);
    return { id, stagingPath };
  }

  test.each(types)(
    'R2, KMS %s: every rotation leaves one keyslot, which the new key opens and no old one',
    async (type) => {
      const { id = '' } = mounts.get(type) ?? {};
      const rewraps = kmsFeatures[type].rotatesKek === 'rewrap';
      using first = await storedDek(deps, volume(id));
      for (let count = 0; count < rotations; count += 1) {
        using old = await storedDek(deps, volume(id));
        expect(await deps.kms.get(type).rotateKek(call)).toBe(rewraps);
        expect(await rewrapKey(deps, volume(id), call)).toBe(rewraps);
        await rotatePassphrase(deps, id, call);
        expect(await opens(deps, volume(id), old)).toBe(false);
      }
      expect(await opens(deps, volume(id), first)).toBe(false);
      expect((await soundFacts(deps, volume(id))).keyslots).toHaveLength(1);
    },
  );

  test('R2: no read or write failed meanwhile, and every byte is what was written', async () => {
    const { intact, errors, written } = await load.end();
    expect({ intact, errors }).toEqual({ intact: true, errors: [] });
    expect(written.map((count) => count > rotations)).toEqual(types.map(() => true));
  });
});
