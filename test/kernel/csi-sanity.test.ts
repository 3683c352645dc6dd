/** The conformance suite of CSI against the whole driver: loop devices, LUKS2, keys in the KV engine of a real OpenBao. */
import { join } from 'node:path';
import { expectConformance } from '../harness/csi-sanity';
import { describeWith } from '../harness/describe-with';
import { prepareVault, TestDriver } from '../harness/driver';
import { leftovers } from '../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../harness/openbao';

jest.setTimeout(600_000);

describeWith(['csi-sanity', 'openbao'], 'csi-sanity', () => {
  let bao: OpenBao;
  let driver: TestDriver;
  beforeAll(async () => {
    bao = await startOpenBao();
    driver = new TestDriver({ vault: await prepareVault(bao), logLevel: 'info' });
    await driver.start();
  });
  afterAll(async () => {
    await driver.stop();
    await bao.stop();
  });

  test.each(['mount', 'block'] as const)(
    'access type %s: no spec fails, and none is skipped for a capability that is claimed',
    async (accessType) => {
      // As the provisioner hands them on: what is its own stays with it.
      const { parameters } = driver.manifests.storageClass('vault');
      const own = Object.entries(parameters).filter(([key]) => !key.startsWith('csi.storage.k8s.io/'));
      await expectConformance({
        csi: driver.csi,
        socket: driver.pod.sockets.get('endpoint') ?? '',
        accessType,
        folder: join(driver.root, accessType),
        parameters: Object.fromEntries(own),
      });
      expect(await leftovers(driver)).toEqual([]);
      expect((await driver.csi.controller.listVolumes({})).entries).toEqual([]);
    },
  );
});
