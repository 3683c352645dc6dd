/** For benchmark `kms-plugin`: one plugin as a process, ours or the peer, started with the same flags and variables. */
import { join } from 'node:path';
import { ServerProcess } from '../test/harness/server-process';
import { runtimeBundle } from '../tools/bundle';
import { freePort } from '../tools/local-pod/free-port';
import type { TransitServer } from './kms-plugin-server';
import { acceptsConnections, residentMiB } from './process-probes';

/** An executable and what stands before the plugin's own flags. */
export interface PluginCommand {
  readonly name: 'keyward' | 'peer';
  readonly command: string;
  readonly args: readonly string[];
}

export const keywardCommand: PluginCommand = {
  name: 'keyward',
  command: process.execPath,
  args: [runtimeBundle, 'kms-plugin'],
};

export interface PluginProcess {
  readonly socket: string;
  /** Memory that the process has in RAM now. */
  rssMiB(): number;
  stop(): Promise<void>;
}

/** Resolves when its socket takes connections. @throws Error with the end of its log when it does not start */
export async function startPlugin(
  { name, command, args }: PluginCommand,
  server: TransitServer,
  socket = join(server.folder, `${name}.sock`),
): Promise<PluginProcess> {
  const process = new ServerProcess(name);
  await process.start({
    command,
    args: [
      ...args,
      ...['-socket', `unix://${socket}`, '-force-socket-overwrite', '-health-port', `${await freePort()}`],
      ...['-vault-address', server.address, '-vault-ca-cert', server.caFile],
      ...['-auth-method', 'token', '-transit-mount', 'transit', '-transit-key', server.key],
    ],
    // Not in a file, as both take it so; and this token dies with the server.
    env: { VAULT_KMS_TOKEN: server.token },
    isHealthy: () => acceptsConnections(socket),
  });
  return {
    socket,
    rssMiB: () => residentMiB(process.pid),
    stop: () => process.stop(),
  };
}
