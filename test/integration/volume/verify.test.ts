/** A proof that the KMS's key opens a volume, on real headers: what it says, and what it notes. */
import { rmSync } from 'node:fs';
import type { VolumeDeps } from '../../../runtime/volume/context';
import { rotatePassphrase } from '../../../runtime/volume/rotate';
import { isFailure } from '../../../runtime/volume/verifications';
import { verifyKey } from '../../../runtime/volume/verify';
import { describeWith } from '../../harness/describe-with';
import { storedDek, volume } from '../../harness/driver-facts';
import { RotationBench } from '../../harness/rotation-bench';

jest.setTimeout(120_000);

describeWith(['cryptsetup'], 'a proof of a key', () => {
  const bench = new RotationBench();
  let deps: VolumeDeps;
  beforeAll(async () => {
    await bench.start();
    deps = await bench.parts();
  });
  afterAll(() => bench.stop());
  const call = { secrets: new Map() };

  test('names the keyslot that the key opens, those that are there besides, and is noted', async () => {
    const id = await bench.volume('metadata');
    expect(await verifyKey(deps, volume(id), call)).toEqual({ keyslot: 0, otherKeyslots: [] });
    const path = await deps.backEnd.images.withHeader(volume(id), async (path) => path);
    using dek = await storedDek(deps, volume(id));
    using other = deps.kms.get('metadata').newDek();
    const { luks } = (await deps.backEnd.volumes.get(id))?.encryption ?? {};
    if (!luks) throw new Error('no record');
    await deps.cryptsetup.addKey({ device: path, authDek: dek, newDek: other, keyslot: 5, luks });
    expect(await verifyKey(deps, volume(id), call)).toEqual({ keyslot: 0, otherKeyslots: [5] });
    expect(await deps.verifications.last(id)).toMatchObject({ id, outcome: 'OK' });
  });

  test('rejects a volume that the key does not open, and notes a failure', async () => {
    const id = await bench.volume('metadata');
    const path = await deps.backEnd.images.withHeader(volume(id), async (path) => path);
    using dek = await storedDek(deps, volume(id));
    using other = deps.kms.get('metadata').newDek();
    const { luks } = (await deps.backEnd.volumes.get(id))?.encryption ?? {};
    if (!luks) throw new Error('no record');
    await deps.cryptsetup.addKey({ device: path, authDek: dek, newDek: other, keyslot: 1, luks });
    await deps.cryptsetup.killSlot(path, 0, other);
    await expect(verifyKey(deps, volume(id), call)).rejects.toMatchObject({ code: 'LUKS_PASSPHRASE_REJECTED' });
    const last = await deps.verifications.last(id);
    expect(last && isFailure(last)).toBe(true);
  });

  test('a rotation that comes between the KMS and the header is no failure of the key', async () => {
    const id = await bench.volume('metadata');
    const cryptsetup = new Proxy(deps.cryptsetup, {
      get: (target, name) => {
        if (name !== 'testKey') return Reflect.get(target, name, target);
        return async (...args: Parameters<typeof target.testKey>) => {
          if (rotations < 2) await rotatePassphrase(deps, id, call);
          rotations += 1;
          return target.testKey(...args);
        };
      },
    });
    let rotations = 0;
    const verified = await verifyKey({ ...deps, cryptsetup }, volume(id), call);
    expect([rotations, verified.otherKeyslots]).toEqual([3, []]);
    expect(await deps.verifications.last(id)).toMatchObject({ outcome: 'OK' });
  });

  test('an outage of the KMS is noted and is no failure of the key', async () => {
    const id = await bench.volume('metadata');
    rmSync(`${bench.folder}/secrets`, { recursive: true });
    await expect(verifyKey(deps, volume(id), call)).rejects.toMatchObject({ code: 'SECRET_MISSING' });
    const last = await deps.verifications.last(id);
    expect(last && isFailure(last)).toBe(false);
  });
});
