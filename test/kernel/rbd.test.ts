/** The driver over RBD images of a real Ceph, LUKS2 and a real OpenBao: from claim to deletion, in the guest. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findMapping, lowerHalf, mappingName } from '../../runtime/luks/mapping';
import { run } from '../../runtime/process/run';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { describeWith } from '../harness/describe-with';
import { prepareVault, vaultMount } from '../harness/driver';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { capability, pool, RbdDriver } from '../harness/rbd-driver';

jest.setTimeout(600_000);

describeWith([...CEPH_TOOLS, 'openbao'], 'a volume in Ceph', () => {
  let bao: OpenBao;
  let ceph: Ceph;
  let driver: RbdDriver;
  beforeAll(async () => {
    [bao, ceph] = await Promise.all([startOpenBao(), startCeph()]);
    const vault = await prepareVault(bao);
    driver = await RbdDriver.start({
      ceph,
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
    });
  });
  afterAll(async () => {
    await driver.stop();
    await Promise.all([ceph.stop(), bao.stop()]);
  });

  /** Makes a volume and gives the call that stages it. */
  async function made(parameters: Readonly<Record<string, string>> = {}) {
    const { volume } = await driver.csi.controller.createVolume(driver.claim({ kms: 'vault', parameters }));
    const volumeId = volume?.volumeId ?? '';
    return {
      volumeId,
      stagingTargetPath: mkdtempSync(join(driver.root, 'staging-')),
      volumeCapability: capability(),
      volumeContext: volume?.volumeContext ?? {},
      secrets: driver.secrets,
    };
  }

  test('is made, staged, written, staged again and deleted, and leaves no image, journal or key', async () => {
    const stage = await made();
    const { volumeId, stagingTargetPath: staging } = stage;
    await driver.csi.node.nodeStageVolume(stage);
    writeFileSync(join(staging, 'file'), 'written by a pod');
    await driver.csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath: staging });
    await driver.csi.node.nodeStageVolume(stage);
    expect(readFileSync(join(staging, 'file'), 'utf8')).toBe('written by a pod');
    await driver.csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath: staging });
    await driver.csi.controller.deleteVolume({ volumeId, secrets: driver.secrets });
    expect(await ceph.rbd(['ls', pool])).toBe('');
    expect(await ceph.rbd(['trash', 'ls', pool])).toBe('');
  });

  test('that was to be opened with integrity protection, and of whose mapping the lower half alone is there, is unstaged', async () => {
    const stage = await made({ integrityMode: 'hmac-sha256' });
    const { volumeId, stagingTargetPath } = stage;
    const mapping = mappingName(volumeId);
    await driver.csi.node.nodeStageVolume(stage);
    await run('umount', [stagingTargetPath]);
    await run('dmsetup', ['remove', mapping]);
    expect(await findMapping(lowerHalf(mapping))).toBeDefined();
    await driver.csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
    expect(await findMapping(lowerHalf(mapping))).toBeUndefined();
    await driver.csi.controller.deleteVolume({ volumeId, secrets: driver.secrets });
  });
});
