/** `keyward etcd status` and `keyward etcd rotate`: which keys the objects in etcd are under, and their rewriting (R15). */
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { CodedError } from '../errors';
import { connectToApiServers, connectToEtcd, type EtcdFlags } from '../etcd-rotation/connect';
import type { Rotation } from '../etcd-rotation/outcome';
import { planRotation } from '../etcd-rotation/plan';
import { type RotateOptions, rotate } from '../etcd-rotation/rotate';
import { clusterStatus } from '../etcd-rotation/status';
import { hashOf } from '../etcd-rotation/stored-value';
import { readDocument } from '../kms-plugin/settings/read-file';
import { type KubernetesAccess, type KubernetesEndpoint, kubernetesAccess } from '../kubernetes/access';
import { kubeconfigEndpoint } from '../kubernetes/kubeconfig';
import { integer } from './arguments';
import { planText, rotationText, statusText } from './etcd-text';

interface CommonFlags extends EtcdFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly server?: string;
  readonly caFile?: string;
  readonly tokenFile?: string;
  readonly apiServer?: readonly string[];
  readonly resource?: readonly string[];
  readonly keyId?: string;
  readonly output: 'text' | 'json';
}

interface RotateFlags extends CommonFlags {
  readonly dryRun?: true;
  readonly state?: string;
  readonly waitSeconds: number;
  readonly rate: number;
  readonly parallel: number;
}

export function addEtcdCommand(program: Command): void {
  const etcd = program.command('etcd').description('the encryption of the API server’s objects in etcd');
  addCommon(etcd.command('status'))
    .description('which key id each API server reports, and under which keys the objects are stored')
    .action(status);
  addCommon(etcd.command('rotate'))
    .description('after a rotation of the key: wait for all API servers, rewrite what is encrypted, and prove it')
    .option('--dry-run', 'say what would be rewritten, and write nothing')
    .option('--state <file>', 'where to note how far it is, to go on after a kill; not needed with --etcd')
    .option(
      '--wait-seconds <number>',
      'for all API servers to report one key id',
      integer({ min: 0, max: 86_400 }),
      300,
    )
    .option('--rate <number>', 'objects a second at most', integer({ min: 1, max: 10_000 }), 100)
    .option('--parallel <number>', 'objects at once at most', integer({ min: 1, max: 64 }), 4)
    .action(rotateAll);
}

function addCommon(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the API server; without it and --server: as a pod')
    .option('--context <name>', 'of the kubeconfig')
    .option('--server <url>', 'API server, https://host:port, with --ca-file and --token-file')
    .option('--ca-file <file>', 'CA of the API servers')
    .option('--token-file <file>', 'token for the API servers')
    .option('--api-server <url>', 'each API server by itself; may be given again [what the cluster says]', collect)
    .option('--etcd <url>', 'members of etcd, for what is really stored; may be given again', collect)
    .option('--etcd-ca <file>', 'CA of etcd')
    .option('--etcd-cert <file>', 'client certificate for etcd')
    .option('--etcd-key <file>', 'its key')
    .option('--etcd-prefix <path>', 'of the API server', '/registry')
    .option('--resource <name>', 'for example secrets; may be given again [all that is encrypted]', collect)
    .option('--key-id <id>', 'key id that must be reported, or its hash sha256:… [whichever all report]')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'));
}

function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

async function status(flags: CommonFlags): Promise<void> {
  const { close, ...connections } = await connect(flags);
  try {
    const found = await clusterStatus(connections);
    print(flags, found, statusText(found));
    // What could not be asked is in the output; a script must notice.
    if (found.servers.some(({ error }) => error !== undefined)) process.exitCode = 1;
  } finally {
    close();
  }
}

async function rotateAll(flags: RotateFlags): Promise<void> {
  const { close, ...connections } = await connect(flags);
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const options: RotateOptions = {
    ...connections,
    waitMs: flags.waitSeconds * 1_000,
    pace: { perSecond: flags.rate, parallel: flags.parallel },
    ...(flags.state !== undefined && { stateFile: resolve(flags.state) }),
    onProgress: (line) => process.stderr.write(`${line}\n`),
    signal: controller.signal,
  };
  try {
    if (flags.dryRun) {
      const planned = await planRotation(options);
      print(flags, planned, planText(planned));
      return;
    }
    const done = await rotate(options);
    print(flags, done, rotationText(done));
    if (!done.proven) throw unproven(done);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    close();
  }
}

async function connect(
  flags: CommonFlags,
): Promise<Pick<RotateOptions, 'servers' | 'etcd' | 'resources' | 'wanted'> & { readonly close: () => void }> {
  const etcd = await connectToEtcd(flags);
  const servers = await connectToApiServers(await endpointOf(flags), flags.apiServer ?? []);
  const { keyId, resource: resources } = flags;
  return {
    servers,
    ...(etcd && { etcd }),
    ...(resources && { resources }),
    ...(keyId !== undefined && { wanted: keyId.startsWith('sha256:') ? keyId : hashOf(keyId) }),
    close: () => {
      for (const server of servers) server.close();
      etcd?.close();
    },
  };
}

/** @throws CodedError CONFIG_*. */
async function endpointOf(flags: CommonFlags): Promise<KubernetesAccess | KubernetesEndpoint> {
  const { kubeconfig, context, server: address, caFile, tokenFile } = flags;
  if (kubeconfig !== undefined)
    return kubeconfigEndpoint(await readDocument(kubeconfig), dirname(resolve(kubeconfig)), context);
  return kubernetesAccess(
    {
      ...(address !== undefined && { address }),
      ...(caFile !== undefined && { caFile }),
      ...(tokenFile !== undefined && { tokenFile }),
    },
    process.env,
  );
}

function print({ output }: CommonFlags, value: object, text: string): void {
  process.stdout.write(output === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : text);
}

function unproven({ resources }: Rotation): CodedError {
  const faults = resources.flatMap(({ resource, proof, refused }) => [
    ...(proof.fault === undefined ? [] : [proof.fault]),
    ...(refused.length === 0 ? [] : [`${refused.length} ${resource} could not be written`]),
  ]);
  return new CodedError('ETCD_ROTATION_UNPROVEN', faults.join('; '), {
    remedy: 'Mend what the lines above say, and repeat the command. Do not retire the old version of the key.',
  });
}
