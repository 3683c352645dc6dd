/**
 * Design §8: the driver is killed with SIGKILL before the first and after every step of an operation, started again, and the
 * call repeated. On the host, whose kernel needs no dm-crypt for this; what needs it is in test/kernel/crash.test.ts.
 */
import { randomUUID } from 'node:crypto';
import type { ImageRef } from '../../../runtime/device/back-end';
import type { Secret } from '../../../runtime/secret';
import type { VolumeDeps } from '../../../runtime/volume/context';
import type { SidecarRequests } from '../../../tools/local-pod/sidecars';
import { killAtEveryPoint } from '../../harness/crash-points';
import { describeWith } from '../../harness/describe-with';
import { prepareVault, type TestClass, TestDriver, vaultMount } from '../../harness/driver';
import {
  type Facts,
  filesOf,
  initialiseOnFile,
  leftovers,
  opens,
  partsOf,
  snapshot,
  soundFacts,
  storedDek,
  volume,
} from '../../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../../harness/openbao';

jest.setTimeout(180_000);

describeWith(['cryptsetup', 'openbao'], 'killed at every point', () => {
  let bao: OpenBao;
  let driver: TestDriver;
  let deps: VolumeDeps;
  beforeAll(async () => {
    bao = await startOpenBao();
    driver = new TestDriver({ vault: await prepareVault(bao) });
    await driver.start();
    deps = await partsOf(driver);
  });
  afterAll(async () => {
    await deps.kms.close();
    await driver.stop();
    await bao.stop();
  });
  afterEach(async () => expect(await leftovers(driver)).toEqual([]));

  /** Ids that the KV engine has a key for. */
  const vaultKeys = async (): Promise<string[]> =>
    (await bao.request('LIST', `${vaultMount}/metadata`)).body?.data?.keys ?? [];
  const hasKey = async (className: TestClass, image: ImageRef) =>
    className === 'vault' ? (await vaultKeys()).includes(image.id) : (await storedDek(deps, image)).lengthBytes > 0;
  const create = async (requests: SidecarRequests, source?: ImageRef) =>
    (await driver.csi.controller.createVolume(requests.createVolume(source && contentSource(source)))).volume
      ?.volumeId ?? '';
  const remove = (id: string) => driver.csi.controller.deleteVolume({ volumeId: id });

  /** A volume that was used, with what must stay of it. */
  interface Used {
    readonly id: string;
    readonly requests: SidecarRequests;
    readonly before: Facts;
    readonly firstDek: Secret;
  }
  async function used(className: TestClass): Promise<Used> {
    const requests = driver.claim(className);
    const id = await create(requests);
    await initialiseOnFile(deps, id);
    return { id, requests, before: await soundFacts(deps, volume(id)), firstDek: await storedDek(deps, volume(id)) };
  }
  const sameData = ({ dataHash, volumeKeyHash }: Facts) => ({ dataHash, volumeKeyHash });

  describe.each(['metadata', 'vault'] as const)('KMS %s', (className) => {
    test('CreateVolume gives one volume with one key', async () => {
      const points = await killAtEveryPoint(driver, {
        name: 'create',
        prepare: async () => driver.claim(className),
        call: (requests) => create(requests),
        verify: async (requests, id) => {
          expect(await create(requests)).toBe(id);
          const { entries } = await driver.csi.controller.listVolumes({});
          expect(entries.map((each) => each.volume?.volumeId)).toEqual([id]);
          const record = await deps.backEnd.volumes.get(id);
          expect(record).toMatchObject({ complete: true, encryption: { phase: 'prepared' } });
          expect(await deps.backEnd.images.isUnwritten(volume(id))).toBe(true);
          expect(await hasKey(className, volume(id))).toBe(true);
          if (className === 'vault') expect(await vaultKeys()).toEqual([id]);
          await remove(id);
          expect(filesOf(driver)).toEqual([]);
        },
      });
      expect(points).toEqual(['create:begin', 'create:record', 'create:key', 'create:image', 'create:complete']);
    });

    test('DeleteVolume leaves neither key nor file', async () => {
      const points = await killAtEveryPoint(driver, {
        name: 'delete',
        prepare: () => used(className),
        call: ({ id }) => remove(id),
        verify: async ({ id }) => {
          expect(filesOf(driver, id)).toEqual([]);
          expect(await vaultKeys()).toEqual([]);
          await remove(id);
        },
      });
      expect(points.length).toBeGreaterThan(3);
    });

    test('R2: rotation keeps the data, gives one new key and retires the old one; at every point the key in the KMS opens the volume', async () => {
      const points = await killAtEveryPoint(driver, {
        name: 'rotate',
        prepare: () => used(className),
        call: ({ id, requests }) =>
          driver.csi.rotation.encryptionKeyRotate({ volumeId: id, secrets: requests.secretsFor('node-stage') }),
        whileBroken: async ({ id }) => {
          using dek = await storedDek(deps, volume(id));
          expect(await opens(deps, volume(id), dek)).toBe(true);
        },
        verify: async ({ id, before, firstDek }) => {
          const after = await soundFacts(deps, volume(id));
          expect(sameData(after)).toEqual(sameData(before));
          expect(after.record.encryption.rotatedAt).toBeDefined();
          expect(await opens(deps, volume(id), firstDek)).toBe(false);
          await remove(id);
        },
      });
      expect(points).toHaveLength(7);
    });
  });

  describe('R13: copies', () => {
    const className = 'metadata';

    test('a clone has the data and a key of its own', async () => {
      const source = await used(className);
      const points = await killAtEveryPoint(driver, {
        name: 'create',
        prepare: async () => driver.claim(className),
        call: (requests) => create(requests, volume(source.id)),
        verify: (_, id) => expectCopy(source, volume(id)),
      });
      expect(points).toHaveLength(5);
      await remove(source.id);
    });

    test('a snapshot, and a volume restored from it, have the data and a key of their own', async () => {
      const source = await used(className);
      const kept = await driver.csi.controller.createSnapshot({
        name: 'kept',
        sourceVolumeId: source.id,
        secrets: source.requests.secretsFor('snapshotter'),
      });
      const keptId = kept.snapshot?.snapshotId ?? '';
      await killAtEveryPoint(driver, {
        name: 'snapshot',
        prepare: async () => randomUUID(),
        call: async (name) =>
          (
            await driver.csi.controller.createSnapshot({
              name,
              sourceVolumeId: source.id,
              secrets: source.requests.secretsFor('snapshotter'),
            })
          ).snapshot?.snapshotId ?? '',
        verify: (_, id) => expectCopy(source, snapshot(id)),
      });
      await killAtEveryPoint(driver, {
        name: 'create',
        prepare: async () => driver.claim(className),
        call: (requests) => create(requests, snapshot(keptId)),
        verify: (_, id) => expectCopy(source, volume(id)),
      });
      await killAtEveryPoint(driver, {
        name: 'delete',
        prepare: async () =>
          (
            await driver.csi.controller.createSnapshot({
              name: randomUUID(),
              sourceVolumeId: source.id,
              secrets: source.requests.secretsFor('snapshotter'),
            })
          ).snapshot?.snapshotId ?? '',
        call: (id) => driver.csi.controller.deleteSnapshot({ snapshotId: id }),
        verify: async (id) => {
          expect(filesOf(driver, id)).toEqual([]);
          expect(await vaultKeys()).not.toContain(id);
        },
      });
      await driver.csi.controller.deleteSnapshot({ snapshotId: keptId });
      await remove(source.id);
      expect(filesOf(driver)).toEqual([]);
      expect(await vaultKeys()).toEqual([]);
    });
  });

  test('R16: the image of an expanded volume is as large as its record says, and nothing else changes', async () => {
    const MiB = 2n ** 20n;
    const points = await killAtEveryPoint(driver, {
      name: 'expand-image',
      prepare: () => used('metadata'),
      call: ({ id }) =>
        driver.csi.controller.controllerExpandVolume({ volumeId: id, capacityRange: { requiredBytes: 96n * MiB } }),
      verify: async ({ id, before }, answer) => {
        expect(answer.capacityBytes).toBe(96n * MiB);
        const after = await soundFacts(deps, volume(id));
        expect(after.record.sizeBytes).toBe(Number(96n * MiB));
        expect(sameData(after)).toEqual(sameData(before));
        await remove(id);
      },
    });
    expect(points).toEqual(['expand-image:begin', 'expand-image:image', 'expand-image:size']);
  });

  /** The data and the volume key of the source, a LUKS UUID and one key of its own; the source is as it was. */
  async function expectCopy(source: Used, copy: ImageRef): Promise<void> {
    const facts = await soundFacts(deps, copy);
    expect(sameData(facts)).toEqual(sameData(source.before));
    expect(facts.record.encryption.luksUuid).not.toBe(source.before.record.encryption.luksUuid);
    expect(await opens(deps, copy, source.firstDek)).toBe(false);
    expect(await soundFacts(deps, volume(source.id))).toEqual(source.before);
    if (copy.kind === 'volume') await remove(copy.id);
    else await driver.csi.controller.deleteSnapshot({ snapshotId: copy.id });
  }
});

function contentSource({ kind, id }: ImageRef) {
  return kind === 'volume'
    ? ({ type: { case: 'volume', value: { volumeId: id } } } as const)
    : ({ type: { case: 'snapshot', value: { snapshotId: id } } } as const);
}
