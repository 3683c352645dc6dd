/** The conformance suite of CSI: runs it over a driver's socket, and holds its report against what the driver claims. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ControllerServiceCapability_RPC_Type as ControllerRpc,
  NodeServiceCapability_RPC_Type as NodeRpc,
  PluginCapability_Service_Type as PluginService,
} from '../../runtime/grpc/gen/csi_pb';
import type { CsiClient } from '../../tools/csi-client/csi-client';
import { requireTool } from '../../tools/ensure';

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

const leastPassed = 68;
const sizeBytes = 32 * 2 ** 20;

/** The calls that Kubernetes has secrets for; the name of the suite for each ends with `Secret`. */
const callsWithSecrets = [
  'CreateVolume',
  'DeleteVolume',
  'ControllerExpandVolume',
  'ControllerValidateVolumeCapabilities',
  'NodeStageVolume',
  'NodePublishVolume',
  'NodeExpandVolume',
  'CreateSnapshot',
  'DeleteSnapshot',
  'ListSnapshots',
];

export interface SanityOptions {
  readonly csi: CsiClient;
  /** Path of the driver's socket. */
  readonly socket: string;
  readonly accessType: 'mount' | 'block';
  /** Made by the run, for its files. */
  readonly folder: string;
  /** Of the storage class, as the provisioner hands them on. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Brought by every call that has any. */
  readonly secrets?: Readonly<Record<string, string>>;
}

interface Spec {
  readonly State: string;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly Failure?: { readonly Message: string };
}

/** Fails when a spec fails, or is skipped for a capability that the driver claims or for no reason that is known. */
export async function expectConformance(options: SanityOptions): Promise<void> {
  const claimed = await capabilities(options.csi);
  const specs = (await runSuite(options)).filter(({ LeafNodeType }) => LeafNodeType === 'It');
  const named = (state: string) => specs.filter(({ State }) => State === state);
  expect(named('failed').map((spec) => `${spec.LeafNodeText}: ${spec.Failure?.Message}`)).toEqual([]);
  expect(new Set(specs.map(({ State }) => State))).toEqual(new Set(['passed', 'skipped', 'pending']));
  expect(named('passed').length).toBeGreaterThanOrEqual(leastPassed);
  expect(named('pending').map(({ LeafNodeText }) => LeafNodeText)).toEqual(pending);
  // One that is skipped without a reason is in no table, and so fails here.
  const reasons = new Set(named('skipped').map(({ Failure }) => Failure?.Message ?? 'no reason given'));
  expect(
    [...reasons].filter((reason) => claimed.has(capabilityOf[reason] ?? reason) || !(reason in capabilityOf)),
  ).toEqual([]);
}

async function runSuite(options: SanityOptions): Promise<readonly Spec[]> {
  const { folder, socket, accessType, parameters, secrets } = options;
  mkdirSync(folder);
  // JSON is YAML.
  const file = (name: string, content: object) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
    return path;
  };
  const perCall = secrets && Object.fromEntries(callsWithSecrets.map((call) => [`${call}Secret`, secrets]));
  const report = join(folder, 'report.json');
  const args = [
    `--csi.endpoint=${socket}`,
    ...[`--csi.mountdir=${folder}/target`, `--csi.stagingdir=${folder}/staging`],
    ...[`--csi.testvolumesize=${sizeBytes}`, `--csi.testvolumeexpandsize=${2 * sizeBytes}`],
    ...[`--csi.testvolumeaccesstype=${accessType}`],
    `--csi.testvolumeparameters=${file('parameters.yaml', parameters)}`,
    ...(perCall ? [`--csi.secrets=${file('secrets.yaml', perCall)}`] : []),
    ...[`--ginkgo.json-report=${report}`, '--ginkgo.no-color'],
  ];
  const env = { PATH: process.env.PATH, GODEBUG: 'asyncpreemptoff=1' };
  const suite = spawn(requireTool('csi-sanity'), args, { env, stdio: 'ignore' });
  await once(suite, 'close');
  const [{ SpecReports }] = JSON.parse(readFileSync(report, 'utf8'));
  return SpecReports;
}

/** Names of all capabilities that the driver claims in its three services. */
async function capabilities(csi: CsiClient): Promise<ReadonlySet<string>> {
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
