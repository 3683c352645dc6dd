/** The conformance suite of CSI against the whole driver: loop devices, LUKS2, keys in the KV engine of a real OpenBao. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ControllerServiceCapability_RPC_Type as ControllerRpc,
  NodeServiceCapability_RPC_Type as NodeRpc,
  PluginCapability_Service_Type as PluginService,
} from '../../runtime/grpc/gen/csi_pb';
import { requireTool } from '../../tools/ensure';
import { describeWith } from '../harness/describe-with';
import { prepareVault, TestDriver } from '../harness/driver';
import { leftovers } from '../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../harness/openbao';

jest.setTimeout(600_000);

/** Why the suite skips a spec, and the capability that would have made it run. */
const capabilityOf: Readonly<Record<string, string>> = {
  'Modify volume not supported': 'MODIFY_VOLUME',
  'Modify Volume not supported': 'MODIFY_VOLUME',
  'ControllerModifyVolume not supported': 'MODIFY_VOLUME',
  'ControllerPublishVolume not supported': 'PUBLISH_UNPUBLISH_VOLUME',
  'ControllerUnpublishVolume not supported': 'PUBLISH_UNPUBLISH_VOLUME',
  'Controller Publish, UnpublishVolume not supported': 'PUBLISH_UNPUBLISH_VOLUME',
  'GetSnapshot not supported': 'GET_SNAPSHOT',
  'GroupControllerService not supported': 'GROUP_CONTROLLER_SERVICE',
  'SNAPSHOT_ACCESSIBILITY_CONSTRAINTS not supported': 'SNAPSHOT_ACCESSIBILITY_CONSTRAINTS',
  'ControllerGetVolumeHealth not supported': 'GET_VOLUME_HEALTH',
  'ControllerListVolumeHealth not supported': 'LIST_VOLUME_HEALTH',
  'NodeGetVolumeHealth not supported': 'GET_VOLUME_HEALTH',
  'NodeGetStorageHealth not supported': 'GET_STORAGE_HEALTH',
};

/** The suite's own authors have switched this one off. */
const pending = [
  'pagination should detect volumes added between pages and accept tokens when the last volume from a page is deleted',
];

interface Spec {
  readonly State: string;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly Failure?: { readonly Message: string };
}

describeWith(['csi-sanity', 'openbao'], 'csi-sanity', () => {
  let bao: OpenBao;
  let driver: TestDriver;
  let claimed: ReadonlySet<string>;
  beforeAll(async () => {
    bao = await startOpenBao();
    driver = new TestDriver({ vault: await prepareVault(bao), logLevel: 'info' });
    await driver.start();
    claimed = await capabilities(driver);
  });
  afterAll(async () => {
    await driver.stop();
    await bao.stop();
  });

  test.each(['mount', 'block'])(
    'access type %s: no spec fails, and none is skipped for a capability that is claimed',
    async (accessType) => {
      const specs = (await runSuite(driver, accessType)).filter(({ LeafNodeType }) => LeafNodeType === 'It');
      const named = (state: string) => specs.filter(({ State }) => State === state);
      expect(named('failed').map((spec) => `${spec.LeafNodeText}: ${spec.Failure?.Message}`)).toEqual([]);
      expect(new Set(specs.map(({ State }) => State))).toEqual(new Set(['passed', 'skipped', 'pending']));
      expect(named('passed').length).toBeGreaterThanOrEqual(68);
      expect(named('pending').map(({ LeafNodeText }) => LeafNodeText)).toEqual(pending);
      // One that is skipped without a reason is in no table, and so fails here.
      const reasons = new Set(named('skipped').map(({ Failure }) => Failure?.Message ?? 'no reason given'));
      expect(
        [...reasons].filter((reason) => claimed.has(capabilityOf[reason] ?? reason) || !(reason in capabilityOf)),
      ).toEqual([]);
      expect(await leftovers(driver)).toEqual([]);
      expect((await driver.csi.controller.listVolumes({})).entries).toEqual([]);
    },
  );
});

async function runSuite(driver: TestDriver, accessType: string): Promise<readonly Spec[]> {
  const folder = join(driver.root, accessType);
  mkdirSync(folder);
  const parametersFile = join(folder, 'parameters.yaml');
  // As the provisioner hands them on: what is its own stays with it.
  const { parameters } = driver.manifests.storageClass('vault');
  const own = Object.entries(parameters).filter(([key]) => !key.startsWith('csi.storage.k8s.io/'));
  writeFileSync(parametersFile, JSON.stringify(Object.fromEntries(own)));
  const report = join(folder, 'report.json');
  const args = [
    `--csi.endpoint=${driver.pod.sockets.get('endpoint')}`,
    ...[`--csi.mountdir=${folder}/target`, `--csi.stagingdir=${folder}/staging`],
    ...[`--csi.testvolumesize=${32 * 2 ** 20}`, `--csi.testvolumeexpandsize=${64 * 2 ** 20}`],
    ...[`--csi.testvolumeaccesstype=${accessType}`, `--csi.testvolumeparameters=${parametersFile}`],
    ...[`--ginkgo.json-report=${report}`, '--ginkgo.no-color'],
  ];
  const env = { PATH: process.env.PATH, GODEBUG: 'asyncpreemptoff=1' };
  const suite = spawn(requireTool('csi-sanity'), args, { env, stdio: 'ignore' });
  await once(suite, 'close');
  const [{ SpecReports }] = JSON.parse(readFileSync(report, 'utf8'));
  return SpecReports;
}

/** Names of all capabilities that the driver claims in its three services. */
async function capabilities({ csi }: TestDriver): Promise<ReadonlySet<string>> {
  const controller = await csi.controller.controllerGetCapabilities({});
  const node = await csi.node.nodeGetCapabilities({});
  const plugin = await csi.identity.getPluginCapabilities({});
  return new Set([
    ...controller.capabilities.map(({ type }) => ControllerRpc[type.value?.type ?? 0] ?? ''),
    ...node.capabilities.map(({ type }) => NodeRpc[type.value?.type ?? 0] ?? ''),
    ...plugin.capabilities.flatMap(({ type }) =>
      type.case === 'service' ? (PluginService[type.value.type] ?? '') : [],
    ),
  ]);
}
