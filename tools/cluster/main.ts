/** `npm run cluster`: a Kubernetes cluster with OpenBao and a real kubelet, on this machine alone. */
import { resolve } from 'node:path';
import pc from 'picocolors';
import { ensureTools } from '../ensure';
import { prepareGuest } from '../guest/host-support';
import { progressPrinter } from '../progress-printer';
import { bringUp, lookAt, takeDown } from './box-folder';
import { type ClusterArguments, help, readCommandLine } from './command-line';
import { boxComponents } from './components';
import { askBox, NoBoxError } from './control-client';
import type { BoxStatus } from './control-protocol';
import { boxLayout } from './layout';
import { statusText } from './status-text';

const noCluster = 3;

async function main(argv: readonly string[]): Promise<number> {
  const args = readCommandLine(argv);
  switch (args.command) {
    case undefined:
      console.log(help);
      return 0;
    case 'up':
      return up(args);
    case 'status':
      return status(args);
    case 'down': {
      const wasThere = await takeDown(args.folder);
      print(args, { down: wasThere }, wasThere ? 'The cluster is gone.' : 'There was no cluster.');
      return 0;
    }
    case 'import':
      return importImages(args);
    case 'exec': {
      const { exitCode, stdout, stderr } = await ask(args, 'run', { node: args.node, argv: args.operands });
      if (args.json) console.log(JSON.stringify({ exitCode, stdout, stderr }));
      else {
        process.stdout.write(stdout);
        process.stderr.write(stderr);
      }
      return exitCode;
    }
    case 'kill':
      await ask(args, 'killNode', { node: args.node });
      print(args, { killed: args.node }, `${args.node} is off.`);
      return 0;
    case 'boot':
      await ask(args, 'bootNode', { node: args.node });
      print(args, { booted: args.node }, `${args.node} is ready.`);
      return 0;
    case 'openbao-token': {
      const { openBaoToken } = await ask(args, 'credentials', {});
      print(args, { token: openBaoToken }, openBaoToken);
      return 0;
    }
  }
}

async function up(args: ClusterArguments): Promise<number> {
  const { folder, nodes, memoryMiB } = args;
  if (process.getuid?.() !== 0) throw new Error('The network of a cluster needs root. Run: sudo npm run cluster -- up');
  const onProgress = progressPrinter();
  await ensureTools(boxComponents, { onProgress });
  const support = await prepareGuest({ onProgress });
  if (support.mode === 'none') throw new Error(`Missing: ${support.missing.join(', ')}. ${support.remedy}`);
  const startedMs = Date.now();
  const report = (what: string) => {
    const seconds = `${((Date.now() - startedMs) / 1000).toFixed(1)} s`.padStart(7);
    process.stderr.write(`${pc.green('ready')} ${pc.dim(seconds)}  ${what}\n`);
  };
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { isNew, ...found } = await bringUp(folder, {
    nodes,
    memoryMiB,
    onProgress: report,
    signal: interrupted.signal,
  });
  if (!isNew) process.stderr.write('The cluster runs already.\n');
  print(args, found, statusText(found));
  return 0;
}

async function status(args: ClusterArguments): Promise<number> {
  const found = await lookAt(args.folder);
  if (found === undefined) throw new NoBoxError(`there is no cluster in ${args.folder}`);
  print(args, found, statusText(found));
  return found.processes.every(({ running }) => running) && found.nodes.every(({ running }) => running) ? 0 : 1;
}

async function importImages(args: ClusterArguments): Promise<number> {
  const { nodes }: BoxStatus = await ask(args, 'status', {});
  const archives = args.operands.map((file) => resolve(file));
  for (const archive of archives)
    for (const { name: node } of nodes) {
      await ask(args, 'importImage', { node, archive });
      process.stderr.write(`${node} has ${archive}\n`);
    }
  if (args.json) console.log(JSON.stringify({ imported: archives }));
  return 0;
}

function ask<Name extends Parameters<typeof askBox>[1]>(
  { folder }: ClusterArguments,
  operation: Name,
  request: Parameters<typeof askBox<Name>>[2],
): ReturnType<typeof askBox<Name>> {
  return askBox(boxLayout(folder).control, operation, request);
}

function print({ json }: ClusterArguments, object: object, text: string): void {
  console.log(json ? JSON.stringify(object, null, 2) : text);
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // Wrong options come from parseArgs as a TypeError, like our own usage errors.
    const isUsage = error instanceof TypeError;
    const message = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof NoBoxError ? '\nRun: npm run cluster -- up' : '';
    console.error(isUsage ? `${message}\n\nSee: npm run cluster -- --help` : `${pc.red(message)}${remedy}`);
    process.exitCode = isUsage ? 2 : error instanceof NoBoxError ? noCluster : 1;
  },
);
