/** The driver over RBD images of a real Ceph, LUKS2 and a real OpenBao: from claim to deletion, in the guest. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

  test('is made, staged, written, staged again and deleted, and leaves no image, journal or key', async () => {
    const { volume } = await driver.csi.controller.createVolume(driver.claim({ kms: 'vault' }));
    const volumeId = volume?.volumeId ?? '';
    const staging = join(driver.root, 'staging');
    mkdirSync(staging);
    const stage = {
      volumeId,
      stagingTargetPath: staging,
      volumeCapability: capability(),
      volumeContext: volume?.volumeContext ?? {},
      secrets: driver.secrets,
    };
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
});
