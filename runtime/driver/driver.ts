/**
 * `keyward csi`, put together: configuration in, sockets out. This is the one place that knows all parts; everything else
 * is given what it needs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyedLock } from '../async/keyed-lock';
import { Semaphore } from '../async/semaphore';
import { controllerHandlers } from '../csi/controller';
import { identityHandlers } from '../csi/identity';
import { nodeHandlers } from '../csi/node';
import { everywhere, nodeTopology } from '../csi/topology';
import type { CsiDeps } from '../csi/volume-calls';
import { addonsIdentityHandlers } from '../csi-addons/identity';
import { keyRotationHandlers } from '../csi-addons/key-rotation';
import { reclaimControllerHandlers, reclaimNodeHandlers } from '../csi-addons/reclaim-space';
import { CodedError } from '../errors';
import { Admin } from '../grpc/gen/admin_pb';
import { EncryptionKeyRotationController } from '../grpc/gen/csi_addons_encryption_key_rotation_pb';
import { Identity as AddonsIdentity } from '../grpc/gen/csi_addons_identity_pb';
import { ReclaimSpaceController, ReclaimSpaceNode } from '../grpc/gen/csi_addons_reclaim_space_pb';
import { Controller, Identity, Node } from '../grpc/gen/csi_pb';
import { type RunningServer, serveOnSocket } from '../grpc/server';
import { bindService, InFlightCalls, type ServiceDeps } from '../grpc/service';
import { clearStaleSocket, socketPath } from '../grpc/socket';
import { KmsSet } from '../kms/kms-set';
import { createLog } from '../log';
import { Cryptsetup } from '../luks/cryptsetup';
import { Mounts } from '../mount/mounts';
import { KernelThread } from '../process/kernel-thread';
import { loadPosixSpawn } from '../process/posix-spawn';
import { runBy, run as runByFork } from '../process/run';
import { adminHandlers } from '../rotation/admin-handlers';
import { adminSecrets } from '../rotation/admin-secrets';
import { goOnWithReencryptions } from '../rotation/go-on';
import { keyAges } from '../rotation/key-ages';
import { scheduleMetrics } from '../rotation/schedule/metrics';
import { type Rotation, type RotationOptions, startRotation } from '../rotation/schedule/start';
import type { SharedDeps } from '../volume/context';
import { OrphanKeys } from '../volume/orphans';
import { resumeAll } from '../volume/quiesce';
import { StageRecords } from '../volume/stage-record';
import { Verifications } from '../volume/verifications';
import { openBackEnds } from './back-ends';
import { openKmsConfig, readRuntimeConfig } from './config-files';
import { type HealthServer, serveHealth } from './health';
import { kubernetesSide } from './kubernetes-side';
import { createMetrics } from './metrics';
import { serveRegistration } from './registration';

export interface DriverOptions {
  readonly version: string;
  readonly endpoint: string;
  readonly addonsEndpoint?: string;
  /** Not served when left out. */
  readonly adminEndpoint?: string;
  /** `namespace/name` of a mounted Secret: what CSI would bring as secrets, for calls of the admin service. */
  readonly adminSecret?: string;
  readonly controller: boolean;
  readonly node: boolean;
  readonly nodeId: string;
  readonly configFile: string;
  readonly kmsConfigFile: string;
  /** Where Secrets are mounted as `<namespace>/<name>/<key>`. */
  readonly secretsDirectory: string;
  /** Socket of the tenant agent. */
  readonly tenantAgentEndpoint?: string;
  /** Namespace of the driver, where some KMS types have their credentials. */
  readonly podNamespace?: string | undefined;
  /** Node state that survives a restart of the pod. */
  readonly stateDirectory: string;
  readonly kubeletRegistrationDirectory?: string;
  readonly kubeletSocketPath?: string;
  /** Rotates and verifies by schedules. Needs the node service, which has the volumes. */
  readonly rotation?: RotationOptions;
  /** 0: off. */
  readonly healthPort: number;
  readonly onFatal: (error: Error) => void;
}

export interface Driver {
  /** Lets running calls end for up to `graceMs`, then stops everything and removes the sockets. */
  close(graceMs: number): Promise<void>;
}

/** @throws CodedError CONFIG_*, SOCKET_OCCUPIED: nothing is left running then. */
export async function startDriver(options: DriverOptions): Promise<Driver> {
  const config = await readRuntimeConfig(options.configFile);
  const log = createLog(config.log.level);
  const kmsSettings = await openKmsConfig(options.kmsConfigFile, log);
  if (options.rotation && !options.node) throw rotationNeedsNode();
  const socket = socketPath(options.endpoint);
  const addonsSocket = options.addonsEndpoint === undefined ? undefined : socketPath(options.addonsEndpoint);
  // Before anything is touched: while another process serves, its volumes are not ours to look after.
  const adminSocket = options.adminEndpoint === undefined ? undefined : socketPath(options.adminEndpoint);
  for (const path of [socket, addonsSocket, adminSocket]) if (path !== undefined) await clearStaleSocket(path);
  const { secrets, tenants, closeTenants } = kubernetesSide(options);
  const launch = await loadPosixSpawn();
  const run = launch ? runBy(launch) : runByFork;
  const kernel = new KernelThread();
  const kms = new KmsSet(kmsSettings, { secrets, podNamespace: options.podNamespace, ...(tenants && { tenants }) });
  const backEnds = await openBackEnds(config.backend, { nodeId: options.nodeId, run, kernel, secrets, log });
  const shared: SharedDeps = {
    kms,
    cryptsetup: new Cryptsetup({
      run,
      parallel: new Semaphore(config.cryptsetup.parallel),
      timeoutMs: config.cryptsetup.timeoutSeconds * 1000,
    }),
    mounts: new Mounts(run, kernel),
    run,
    stages: new StageRecords(options.stateDirectory),
    orphans: new OrphanKeys(options.stateDirectory),
    verifications: new Verifications(options.stateDirectory),
    locks: new KeyedLock(),
    log,
    now: () => new Date(),
  };
  if (options.node) await resumeAll(shared);
  const deps: CsiDeps = { shared, backEnds };
  const readSecrets = adminSecrets(options.secretsDirectory, options.adminSecret);

  const metrics = createMetrics(() => keyAges(shared));
  const calls = new InFlightCalls();
  const service: ServiceDeps = { log, calls, onCall: metrics.observeCall };
  const topology = backEnds.reach === 'node' ? nodeTopology(config.driverName, options.nodeId) : everywhere;
  const ready = () => backEnds.requireReady();
  const { driverName } = config;
  const servers: (RunningServer | HealthServer)[] = [];
  let rotation: Rotation | undefined;
  const closeServers = async () => {
    for (const server of servers.reverse()) await server.close();
    await kms.close();
    await backEnds.close();
    closeTenants();
  };
  try {
    servers.push(
      await serveOnSocket(socket, [
        bindService(
          Identity,
          identityHandlers({
            driverName,
            version: options.version,
            servesController: options.controller,
            isTopologyAware: backEnds.reach === 'node',
            probe: ready,
          }),
          service,
        ),
        ...(options.controller ? [bindService(Controller, controllerHandlers(deps, topology), service)] : []),
        ...(options.node ? [bindService(Node, nodeHandlers(deps, options.nodeId, topology), service)] : []),
      ]),
    );
    if (addonsSocket !== undefined) {
      servers.push(
        await serveOnSocket(addonsSocket, [
          bindService(
            AddonsIdentity,
            addonsIdentityHandlers({
              driverName,
              version: options.version,
              servesController: options.controller,
              servesNode: options.node,
            }),
            service,
          ),
          ...(options.node ? [bindService(EncryptionKeyRotationController, keyRotationHandlers(deps), service)] : []),
          ...(options.node ? [bindService(ReclaimSpaceNode, reclaimNodeHandlers(deps), service)] : []),
          ...(options.controller
            ? [bindService(ReclaimSpaceController, reclaimControllerHandlers(deps), service)]
            : []),
        ]),
      );
    }
    if (adminSocket !== undefined) {
      const admin = { ...deps, secrets: readSecrets };
      servers.push(await serveOnSocket(adminSocket, [bindService(Admin, adminHandlers(admin), service)]));
    }
    if (options.healthPort > 0) servers.push(await serveHealth({ port: options.healthPort, metrics, ready }));
    if (options.rotation) {
      const parts = { csi: deps, secrets: readSecrets, driverName, nodeId: options.nodeId };
      rotation = startRotation({ ...parts, metrics: scheduleMetrics(metrics.registry) }, options.rotation);
    }
    // Last, because the kubelet calls at once.
    if (options.kubeletRegistrationDirectory !== undefined && options.node) {
      const registration = {
        driverName,
        folder: options.kubeletRegistrationDirectory,
        kubeletSocketPath: options.kubeletSocketPath ?? socket,
        onRefused: options.onFatal,
      };
      servers.push(await serveRegistration(registration, service));
    }
  } catch (error) {
    await rotation?.close();
    await closeServers();
    throw error;
  }
  if (options.node) void goOnWithReencryptions(deps, readSecrets);
  log.info('serving', { path: options.endpoint, version: options.version });
  return {
    close: async (graceMs) => {
      const rotated = rotation?.close();
      await calls.close(graceMs);
      await Promise.race([rotated, sleep(graceMs, undefined, { ref: false })]);
      await closeServers();
    },
  };
}

function rotationNeedsNode(): CodedError {
  return new CodedError('CONFIG_INVALID', '--rotation needs the node service, which can attach volumes', {
    remedy: 'Give --rotation to the pods that run on the nodes, and not to the controller.',
  });
}
