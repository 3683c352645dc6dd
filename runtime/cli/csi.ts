/** `keyward csi`: the CSI driver. */
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { mountPaths } from '../../lib/schema/names';
import { startDriver } from '../driver/driver';
import { integer } from './arguments';
import { reportAndExit } from './report';
import { addRotationFlags, type RotationFlags, rotationOptions } from './rotation-flags';

/** A pod has 30 seconds between SIGTERM and SIGKILL. */
const graceMs = 20_000;

interface CsiFlags extends RotationFlags {
  readonly endpoint: string;
  readonly csiAddonsEndpoint?: string;
  readonly adminEndpoint?: string;
  readonly adminSecret?: string;
  readonly controller?: true;
  readonly node?: true;
  readonly nodeId: string;
  readonly config: string;
  readonly kmsConfig: string;
  readonly secretsDir: string;
  readonly tenantAgent?: string;
  readonly stateDir: string;
  readonly kubeletRegistrationDir?: string;
  readonly kubeletSocketPath?: string;
  readonly healthPort: number;
}

export function addCsiCommand(program: Command, version: string): void {
  const command = program
    .command('csi')
    .description('serve the CSI driver on a unix socket: Identity, and Controller, Node or both')
    .option('--endpoint <unix://path>', 'CSI socket', process.env.CSI_ENDPOINT ?? 'unix:///csi/csi.sock')
    .option(
      '--csi-addons-endpoint <unix://path>',
      'CSI-Addons socket (key rotation, reclaiming space); not served when left out',
    )
    .option('--admin-endpoint <unix://path>', 'socket of keyward rotate and verify; not served when left out')
    .option(
      '--admin-secret <namespace/name>',
      'mounted Secret that takes the place of the secrets of a StorageClass there',
    )
    .option('--controller', 'serve the Controller service')
    .option('--node', 'serve the Node service (neither flag: both)')
    .option('--node-id <id>', 'id of this node; Kubernetes expects the name of the node', hostname())
    .option('--config <file>', 'configuration of the driver', `${mountPaths.config}/config.json`)
    .option('--kms-config <file>', 'KMS sections, in the format of ceph-csi', `${mountPaths.kms}/config.json`)
    .option('--secrets-dir <folder>', 'mounted Secrets, as NAMESPACE/NAME/KEY', mountPaths.secrets)
    .option('--namespace <name>', 'namespace of the driver, for the Secrets of cloud KMSs', process.env.POD_NAMESPACE)
    .option('--tenant-agent <unix://path>', 'socket of the tenant agent; needed by KMSs that come as the tenant')
    .option(
      '--state-dir <folder>',
      'what is staged on this node; must survive a restart of the pod',
      '/var/lib/keyward',
    )
    .option('--kubelet-registration-dir <folder>', 'register with the kubelet through this folder')
    .option('--kubelet-socket-path <path>', 'path of the CSI socket on the node, for the kubelet')
    .option(
      '--health-port <port>',
      'port of /healthz, /readyz and /metrics; 0: off',
      integer({ min: 0, max: 65_535 }),
      0,
    );
  addRotationFlags(command).action((flags: CsiFlags) => serve(flags, version));
}

async function serve(flags: CsiFlags, version: string): Promise<void> {
  const rotation = await rotationOptions(flags, process.env);
  const driver = await startDriver({
    version,
    endpoint: flags.endpoint,
    ...(flags.csiAddonsEndpoint !== undefined && { addonsEndpoint: flags.csiAddonsEndpoint }),
    ...(flags.adminEndpoint !== undefined && { adminEndpoint: flags.adminEndpoint }),
    ...(flags.adminSecret !== undefined && { adminSecret: flags.adminSecret }),
    controller: flags.controller ?? !flags.node,
    node: flags.node ?? !flags.controller,
    nodeId: flags.nodeId,
    configFile: flags.config,
    kmsConfigFile: flags.kmsConfig,
    secretsDirectory: flags.secretsDir,
    podNamespace: flags.namespace,
    ...(flags.tenantAgent !== undefined && { tenantAgentEndpoint: flags.tenantAgent }),
    stateDirectory: flags.stateDir,
    ...(flags.kubeletRegistrationDir !== undefined && { kubeletRegistrationDirectory: flags.kubeletRegistrationDir }),
    ...(flags.kubeletSocketPath !== undefined && { kubeletSocketPath: flags.kubeletSocketPath }),
    ...(rotation && { rotation }),
    healthPort: flags.healthPort,
    onFatal: reportAndExit,
  });
  let closing = false;
  const close = () => {
    if (closing) return;
    closing = true;
    driver.close(graceMs).then(() => process.exit(0), reportAndExit);
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}
