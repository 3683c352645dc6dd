/**
 * R2 over a real Ceph: the key of a mounted volume that is written to is rotated by two nodes at once. One wins, the other is
 * told Aborted; a node that dies keeps the other out for minutes and not for ever; one that was frozen, and has lost its lock
 * meanwhile, changes nothing more.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHeader } from '../../runtime/luks/header';
import { CallError } from '../../tools/csi-client/call-error';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { cryptsetup } from '../harness/ceph-csi-keyslots';
import { describeWith } from '../harness/describe-with';
import { prepareVault, vaultMount } from '../harness/driver';
import { FileLoad } from '../harness/file-load';
import { runsLongTests } from '../harness/long-test';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { endKeyLock } from '../harness/rbd-deaths';
import { RbdDriver } from '../harness/rbd-driver';
import { mappedImages } from '../harness/rbd-facts';
import { RbdVolume } from '../harness/rbd-volume';

jest.setTimeout(1_200_000);

/** What gRPC says of it, and our code. */
const busy = { status: 'ABORTED', code: 'VOLUME_BUSY' };

describeWith([...CEPH_TOOLS, 'openbao'], 'two nodes that rotate the key of one volume in Ceph', () => {
  let bao: OpenBao;
  let ceph: Ceph;
  let one: RbdDriver;
  let other: RbdDriver;
  let mounted: RbdVolume;
  let load: FileLoad;
  const oldKeys: string[] = [];
  beforeAll(async () => {
    execFileSync('modprobe', ['rbd']);
    [bao, ceph] = [await startOpenBao(), await startCeph()];
    const vault = await prepareVault(bao);
    const start = (nodeId: string) =>
      RbdDriver.start({
        ceph,
        nodeId,
        kms: (secrets) => ({
          vault: {
            type: 'vault',
            address: vault.address,
            backend: 'kv-v2',
            backendPath: vaultMount,
            auth: { method: 'token', tokenFile: join(secrets, 'keyward-system/vault/token') },
          },
        }),
        secrets: { 'keyward-system/vault/token': vault.token },
        callTimeoutMs: 600_000,
      });
    [one, other] = [await start('node-1'), await start('node-2')];
    mounted = await RbdVolume.create(one, { kms: 'vault' });
    await mounted.stage();
    load = new FileLoad([mounted.staging], 500);
  });
  afterAll(async () => {
    await mounted?.unstage();
    for (const node of [one, other]) await node?.stop();
    await Promise.all([ceph?.stop(), bao?.stop()]);
  });

  const rotateOn = async (node: RbdDriver): Promise<'done' | { status: string; code: string | undefined }> => {
    try {
      await new RbdVolume(node, mounted.id).rotate();
      return 'done';
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      return { status: error.status, code: error.code };
    }
  };
  const keyInVault = async (): Promise<string> =>
    (await bao.expectOk('GET', `${vaultMount}/data/${mounted.id}`)).body.data.data.data.passphrase;
  const opens = (device: string, key: string): Promise<boolean> =>
    cryptsetup(['open', '--test-passphrase', '--key-file', '-', device], key).then(
      () => true,
      () => false,
    );

  /** One keyslot, which the key that the KMS has now opens, and none that it had before. */
  async function expectOneNewKey(): Promise<void> {
    const { device } = mappedImages().find(({ image }) => image === mounted.image) ?? { device: 'not mapped' };
    const key = await keyInVault();
    expect(oldKeys).not.toContain(key);
    expect((await readHeader(device)).keyslots).toHaveLength(1);
    expect(await opens(device, key)).toBe(true);
    for (const old of oldKeys.slice(-2)) expect(await opens(device, old)).toBe(false);
  }

  /** One node stands still at the point while `meanwhile` runs. @returns what it says of its rotation in the end. */
  async function frozenAt(point: string, meanwhile: () => Promise<void>) {
    one.standStillAt(`rotate:${point}`);
    const rotating = rotateOn(one);
    while (!one.isStill) await sleep(50);
    await meanwhile().finally(() => one.goOn());
    return rotating;
  }

  beforeEach(async () => void oldKeys.push(await keyInVault()));
  afterEach(expectOneNewKey);

  test('R2: while one rotates, the other is told Aborted', async () => {
    const outcome = await frozenAt('replace-key', async () => {
      expect(await rotateOn(other)).toEqual(busy);
    });
    expect(outcome).toBe('done');
  });

  test('R2: of calls at the same moment one wins, and the others are told Aborted', async () => {
    const outcomes = await Promise.all([one, other, one, other].map(rotateOn));
    expect(outcomes).toContain('done');
    for (const outcome of outcomes) if (outcome !== 'done') expect(outcome).toEqual(busy);
  });

  test.each(['add-keyslot', 'replace-key'])(
    'R2: a node that dies at rotate:%s does not lock it for ever',
    async (at) => {
      one.dieAt(`rotate:${at}`);
      await expect(rotateOn(one)).resolves.not.toBe('done');
      await one.died();
      expect(await rotateOn(other)).toEqual(busy);
      // In the long run what three minutes do by themselves; otherwise an operator does it.
      if (!runsLongTests) await endKeyLock(ceph, mounted.uuid);
      let outcome = await rotateOn(other);
      for (; outcome !== 'done'; outcome = await rotateOn(other)) {
        expect(outcome).toEqual(busy);
        await sleep(5_000);
      }
      one.dieAt(undefined);
      await one.start();
    },
  );

  test.each(['begun', 'add-keyslot', 'replace-key', 'read-back', 'retire-keyslot'])(
    'R2: a node that lost its lock while it was frozen at rotate:%s changes nothing more',
    async (point) => {
      const outcome = await frozenAt(point, async () => {
        await endKeyLock(ceph, mounted.uuid);
        expect(await rotateOn(other)).toBe('done');
        await expectOneNewKey();
      });
      expect(outcome).toEqual(busy);
    },
  );

  test('R2: no read or write of the pod failed meanwhile, and every byte is what was written', async () => {
    expect(await load.end()).toEqual({ intact: true, errors: [], written: [expect.any(Number)] });
    expect(await rotateOn(one)).toBe('done');
    await mounted.unstage();
    await mounted.stage();
  });
});
