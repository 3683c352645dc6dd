/** `keyward kms-plugin`, put together: settings in, one socket out. The one place that knows all parts. */
import { KeyManagementService as V1 } from '../grpc/gen/kms_v1beta1_pb';
import { KeyManagementService as V2 } from '../grpc/gen/kms_v2_pb';
import { formatSocketAddress, listenOn, parseSocketAddress } from '../grpc/socket-address';
import { type UnaryMethod, UnaryServer, unaryMethods } from '../grpc/unary-server';
import type { Log } from '../log';
import { Transit } from '../vault/transit';
import { failureLog } from './failure-log';
import { type HealthPort, openHealthPort } from './health';
import { KeyWatch } from './key-watch';
import { maxMessageBytes } from './limits';
import { LocalKek } from './local-kek';
import { createPluginMetrics, type PluginMetrics } from './metrics';
import { addPeerMetrics } from './peer-metrics';
import { RemoteKey } from './remote-key';
import type { PluginSettings } from './settings/resolve';
import { SocketGuard } from './socket-guard';
import { UnwrappedKeks } from './unwrapped-keks';
import { v1Handlers } from './v1';
import { v2Handlers } from './v2';
import { VaultLink } from './vault-link';

export interface KmsPluginOptions {
  readonly settings: PluginSettings;
  readonly version: string;
  readonly log: Log;
}

export interface KmsPlugin {
  /** As an API server's `endpoint` spells it. */
  readonly endpoint: string;
  /** Lets running calls end for up to `graceMs`, then stops everything and removes the socket. */
  close(graceMs: number): Promise<void>;
}

/** Serves before Vault is reached. @throws CodedError CONFIG_*, SOCKET_OCCUPIED: nothing is left running then. */
export async function startKmsPlugin({ settings, version, log }: KmsPluginOptions): Promise<KmsPlugin> {
  const { config } = settings;
  for (const note of settings.notes) log.warn(note);
  const address = parseSocketAddress(config.socket.endpoint);
  if (address.kind === 'abstract')
    log.warn('an abstract socket has no owner and no mode: every local process may call');

  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    const parts = await makeParts({ settings, version, log }, closers);
    const server = new UnaryServer(parts.methods, {
      maxMessageBytes,
      onCall: parts.observeCall,
      onFailure: failureLog(log),
    });
    const access = { ...owner(config.socket), mode: Number.parseInt(config.socket.mode, 8) };
    const guard = new SocketGuard(
      await listenOn(server.http, address, access),
      () => {
        // The connections that exist go on; only the listening moves to the new file.
        server.http.close();
        return listenOn(server.http, address, access);
      },
      log,
    );
    log.info('serving', { path: formatSocketAddress(address), address: config.vault.address, version });
    return {
      endpoint: formatSocketAddress(address),
      close: async (graceMs) => {
        await server.close(graceMs);
        await guard.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Parts {
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly observeCall: PluginMetrics['observeCall'];
}

async function makeParts(
  { settings, version, log }: KmsPluginOptions,
  closers: (() => Promise<void> | void)[],
): Promise<Parts> {
  const { config } = settings;
  const metrics = createPluginMetrics({
    healthy: () => watch.trouble === undefined,
    keyVersion: () => (watch.state.phase === 'known' ? watch.state.version.version : 0),
    lastGoodSeconds: () => (watch.state.phase === 'known' ? watch.state.lastGoodAt / 1_000 : 0),
    tokenSecondsLeft,
    waiting: (operation) => remote.waiting(operation),
    localKekUses: () => localKek?.uses,
  });
  const peer = config.health.peerMetrics ? addPeerMetrics(metrics.registry, tokenSecondsLeft) : undefined;
  const link = await VaultLink.open(settings, {
    log,
    onToken: (how) => {
      metrics.countToken(how);
      peer?.countToken(how);
    },
    onRequest: (request) => {
      metrics.observeRequest(request);
      peer?.observeRequest(request);
    },
  });
  closers.push(() => link.close());
  function tokenSecondsLeft(): number | undefined {
    const expiresAt = link.tokenExpiresAt ?? Number.POSITIVE_INFINITY;
    return expiresAt === Number.POSITIVE_INFINITY ? undefined : (expiresAt - Date.now()) / 1_000;
  }

  const transit = new Transit(link, { ...config.transit, namespace: config.vault.namespace });
  const watch = new KeyWatch(
    {
      pollMs: config.watch.pollSeconds * 1_000,
      graceMs: config.watch.outageGraceSeconds * 1_000,
      timeoutMs: config.calls.timeoutMs,
    },
    {
      transit,
      log,
      onKeyId: () => {
        metrics.countKeyId();
        localKek?.renew();
      },
    },
  );
  closers.push(() => watch.close());
  const remote = new RemoteKey(transit, watch, { ...config.calls, onBatch: metrics.observeBatch });
  const unwrappedKeks = new UnwrappedKeks(remote);
  closers.push(() => unwrappedKeks.close());
  const localKek = config.localKek.enabled
    ? new LocalKek(
        { maxAgeMs: config.localKek.maxAgeSeconds * 1_000, maxUses: config.localKek.maxUses },
        {
          remote,
          log,
          announcedKeyId: () => (watch.state.phase === 'known' ? watch.state.keyId : undefined),
          onMade: (kek, wrapped) => unwrappedKeks.put(wrapped, kek),
        },
      )
    : undefined;
  closers.push(() => localKek?.close());
  watch.start();
  const health: HealthPort = await openHealthPort({
    ...config.health,
    trouble: () => watch.trouble,
    metrics: metrics.registry,
    log,
  });
  closers.push(() => health.close());

  const v2Deps = { watch, remote, unwrappedKeks, ...(localKek && { localKek }) };
  return {
    methods: new Map([
      ...(config.api.v1 ? unaryMethods(V1, v1Handlers(remote, version)) : []),
      ...(config.api.v2 ? unaryMethods(V2, v2Handlers(v2Deps)) : []),
    ]),
    observeCall: (rpc, code, durationMs) => {
      metrics.observeCall(rpc, code, durationMs);
      peer?.observeCall(rpc, code, durationMs);
    },
  };
}

function owner({ uid, gid }: { readonly uid?: number | undefined; readonly gid?: number | undefined }): {
  uid?: number;
  gid?: number;
} {
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}
