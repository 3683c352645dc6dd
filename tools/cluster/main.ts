/** `npm run cluster`: a Kubernetes cluster with OpenBao and a real kubelet, on this machine alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import pc from 'picocolors';
import { cephDriverImageComponents, driverImageComponents, writeDriverImages } from '../../test/harness/driver-images';
import { ensureTools, findTool } from '../ensure';
import { findCommand } from '../find-command';
import { prepareGuest } from '../guest/host-support';
import { progressPrinter } from '../progress-printer';
import { runBao } from './bao';
import { bringUp, lookAt, takeDown } from './box-folder';
import { type ClusterArguments, help, readCommandLine } from './command-line';
import { boxComponents, cephBoxComponents } from './components';
import { askBox, NoBoxError } from './control-client';
import type { BoxStatus, Operations } from './control-protocol';
import { boxLayout } from './layout';
import { shellEnvironment } from './shell-environment';
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
    case 'env':
      return environment(args);
    case 'down': {
      const wasThere = await takeDown(args.folder);
      print(args, { down: wasThere }, wasThere ? 'The cluster is gone.' : 'There was no cluster.');
      return 0;
    }
    case 'import':
      return importImages(args);
    case 'exec':
      return show(args, await ask(args, 'run', { node: args.node, argv: args.operands }));
    case 'ceph':
      return show(args, await ask(args, 'ceph', { argv: args.operands }));
    case 'kill':
      await ask(args, 'killNode', { node: args.node });
      print(args, { killed: args.node }, `${args.node} is off.`);
      return 0;
    case 'boot':
      await ask(args, 'bootNode', { node: args.node });
      print(args, { booted: args.node }, `${args.node} is ready.`);
      return 0;
    case 'halt':
      for (const name of args.operands) await ask(args, 'halt', { name });
      print(args, { halted: args.operands }, sentence(args.operands, 'ended.'));
      return 0;
    case 'resume':
      for (const name of args.operands) await ask(args, 'resume', { name });
      print(args, { resumed: args.operands }, sentence(args.operands, 'runs again.'));
      return 0;
    case 'bao': {
      const { openBao, caFile } = await ask(args, 'status', {});
      const { openBaoToken } = await ask(args, 'credentials', {});
      return runBao(args.operands, { address: openBao.address, caFile, token: openBaoToken });
    }
    case 'openbao-token': {
      const { openBaoToken } = await ask(args, 'credentials', {});
      print(args, { token: openBaoToken }, openBaoToken);
      return 0;
    }
    case 'ceph-key': {
      const { cephUserKey } = await ask(args, 'credentials', {});
      if (cephUserKey === undefined) throw new Error('The cluster has no Ceph: take it down, and start it with --ceph');
      print(args, { key: cephUserKey }, cephUserKey);
      return 0;
    }
  }
}

async function up(args: ClusterArguments): Promise<number> {
  const { folder, nodes, memoryMiB, ceph } = args;
  if (process.getuid?.() !== 0) throw new Error('The network of a cluster needs root. Run: sudo npm run cluster -- up');
  const onProgress = progressPrinter();
  await ensureTools(ceph ? cephBoxComponents : boxComponents, { onProgress });
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
    ceph,
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

async function environment(args: ClusterArguments): Promise<number> {
  const own = findCommand('kubectl') === undefined ? findTool('kubectl') : undefined;
  const { variables, text } = shellEnvironment(await ask(args, 'status', {}), own && dirname(own));
  print(args, variables, text);
  return 0;
}

async function importImages(args: ClusterArguments): Promise<number> {
  const found: BoxStatus = await ask(args, 'status', {});
  if (args.operands.length > 0) return importArchives(args, found, args.operands);
  const folder = mkdtempSync(join(tmpdir(), 'keyward-images-'));
  try {
    return await importArchives(args, found, await buildImages(folder, found));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Those of a driver whose volumes are where the cluster can have them. */
async function buildImages(folder: string, { ceph }: BoxStatus): Promise<readonly string[]> {
  const onProgress = progressPrinter();
  await ensureTools(ceph ? cephDriverImageComponents : driverImageComponents, { onProgress });
  const startedMs = Date.now();
  return writeDriverImages(folder, ceph ? 'ceph' : 'standard', (detail) =>
    onProgress({ subject: 'images', phase: 'building', elapsedMs: Date.now() - startedMs, detail }),
  );
}

async function importArchives(args: ClusterArguments, { nodes }: BoxStatus, files: readonly string[]): Promise<number> {
  const archives = files.map((file) => resolve(file));
  for (const archive of archives)
    for (const { name: node } of nodes) {
      await ask(args, 'importImage', { node, archive });
      process.stderr.write(`${node} has ${basename(archive)}\n`);
    }
  if (args.json) console.log(JSON.stringify({ imported: archives.map((archive) => basename(archive)) }));
  return 0;
}

function ask<Name extends Parameters<typeof askBox>[1]>(
  { folder }: ClusterArguments,
  operation: Name,
  request: Parameters<typeof askBox<Name>>[2],
): ReturnType<typeof askBox<Name>> {
  return askBox(boxLayout(folder).control, operation, request);
}

/** @returns the exit code of what was run */
function show({ json }: ClusterArguments, { exitCode, stdout, stderr }: Operations['run']['answer']): number {
  if (json) console.log(JSON.stringify({ exitCode, stdout, stderr }));
  else {
    process.stdout.write(stdout);
    process.stderr.write(stderr);
  }
  return exitCode;
}

function sentence(programs: readonly string[], predicate: string): string {
  return programs.map((name) => `${name} ${predicate}`).join('\n');
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
