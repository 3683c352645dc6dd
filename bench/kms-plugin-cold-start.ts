/**
 * For benchmark `kms-plugin`: the time until a kube-apiserver has read 10,000 encrypted Secrets, when it and its plugin
 * start together, as after a reboot. With KMS v2 the Secrets share a few seeds; with v1 each one is a call of the plugin.
 */
import { join } from 'node:path';
import { type EncryptingKubernetes, startEncryptingKubernetes } from '../test/harness/encrypting-api-server';
import { requestJson } from '../test/harness/http-json';
import { type PluginCommand, startPlugin } from './kms-plugin-process';
import type { ColdStart, Sides } from './kms-plugin-report';
import { startTransitServer, type TransitServer } from './kms-plugin-server';

const secrets = 10_000;
/** The default of 3 s for a call is what an API server has that nobody tuned. */
const provider = (api: ColdStart['api'], socket: string) => ({ apiVersion: api, name: 'bench', socket }) as const;

/** One of each version and side a round, in turn. @throws Error when a start gives up or a Secret is missing */
export async function measureColdStarts(
  commands: Sides<PluginCommand>,
  rounds: number,
  progress: (line: string) => void,
): Promise<ColdStart[]> {
  const found: ColdStart[] = [];
  for (const api of ['v2', 'v1'] as const) {
    progress(`writing ${secrets} Secrets with KMS ${api}`);
    const server = await startTransitServer(false);
    const socket = join(server.folder, 'kms.sock');
    try {
      await using cluster = await writtenBy(commands.peer, server, socket, api);
      for (let round = 1; round <= rounds; round += 1) {
        progress(`cold start with KMS ${api}, round ${round} of ${rounds}`);
        const time = (side: keyof Sides<unknown>) => coldStart(commands[side], server, socket, cluster);
        // The one that is second finds more in the caches of the kernel, so they take turns.
        if (round % 2 === 1) found.push({ api, keyward: await time('keyward'), peer: await time('peer') });
        else {
          const peer = await time('peer');
          found.push({ api, keyward: await time('keyward'), peer });
        }
      }
    } finally {
      await server.stop();
    }
  }
  return found;
}

/** A cluster whose API server has ended. What it holds was encrypted by the peer; both read it. */
async function writtenBy(
  command: PluginCommand,
  server: TransitServer,
  socket: string,
  api: ColdStart['api'],
): Promise<EncryptingKubernetes> {
  const plugin = await startPlugin(command, server, socket);
  try {
    const cluster = await startEncryptingKubernetes({ providers: [provider(api, socket)] });
    try {
      await cluster.createSecrets(secrets);
      await cluster.kubernetes.halt();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  } finally {
    await plugin.stop();
  }
}

async function coldStart(
  command: PluginCommand,
  server: TransitServer,
  socket: string,
  cluster: EncryptingKubernetes,
): Promise<number> {
  const startedAt = performance.now();
  const starting = startPlugin(command, server, socket);
  try {
    await Promise.all([starting, cluster.restart()]);
    const count = await countSecrets(cluster);
    if (count < secrets) throw new Error(`The API server has ${count} Secrets of ${secrets}.`);
    return (performance.now() - startedAt) / 1_000;
  } finally {
    await cluster.kubernetes.halt();
    await (await starting).stop();
  }
}

async function countSecrets({ kubernetes }: EncryptingKubernetes): Promise<number> {
  const { status, body } = await requestJson({
    url: `${kubernetes.url}/api/v1/namespaces/default/secrets`,
    headers: { authorization: `Bearer ${kubernetes.adminToken}`, accept: 'application/json' },
    caPem: kubernetes.caPem,
    timeoutMs: 120_000,
  });
  if (status !== 200) throw new Error(`The API server answered ${status} to the list of Secrets.`);
  return body.items.length;
}
