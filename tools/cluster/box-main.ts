/**
 * The program of a box: process 1's only child in namespaces of its own, so that with it everything goes, however it ends. Its
 * parent hands it the folder as argument, and by messages two listening sockets and the options; it ends when the parent does,
 * until the parent lets it go.
 */
import { rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { apiPort, hostAddress, openBaoPort } from './addresses';
import { Box } from './box';
import type { BoxCeph } from './box-ceph';
import type { BoxOptions, BoxStatus } from './control-protocol';
import { serveControl } from './control-server';
import { writeKubeconfig } from './identities';
import { boxLayout } from './layout';
import { openBaoUrl } from './open-bao';
import { relay } from './relay';

/** What the parent sends. A socket comes as the second half of its message. */
export type ParentMessage =
  | { readonly type: 'socket'; readonly target: 'api-server' | 'openbao'; readonly url: string }
  | { readonly type: 'start'; readonly options: BoxOptions }
  /** From now on the box lives without its parent. */
  | { readonly type: 'let-go' };

/** What the box sends. */
export type BoxMessage =
  | { readonly type: 'progress'; readonly what: string }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'let-go' };

const layout = boxLayout(process.argv[2] ?? '');
const startedAt = new Date().toISOString();
const urls = new Map<string, string>();
let box: Box | undefined;
let isLetGo = false;

process.on('message', (message: ParentMessage, handle) => {
  switch (message.type) {
    case 'socket': {
      const port = message.target === 'api-server' ? apiPort : openBaoPort;
      relay(handle as Server, { host: hostAddress, port });
      urls.set(message.target, message.url);
      return;
    }
    case 'start':
      start(message.options).then(
        () => send({ type: 'ready' }),
        (error: unknown) => send({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
      );
      return;
    case 'let-go':
      isLetGo = true;
      send({ type: 'let-go' });
      return;
    default:
      message satisfies never;
  }
});
process.on('disconnect', () => {
  if (isLetGo) return;
  // Who started it is gone, and nobody else knows of the folder.
  void end({ removeFolder: true });
});
process.on('SIGTERM', () => void end());

async function start(options: BoxOptions): Promise<void> {
  const report = (what: string) => send({ type: 'progress', what });
  const started = await Box.prepare(layout, options);
  box = started;
  report('network, certificates, disks');
  await started.start(report);
  writeKubeconfig(layout.kubeconfig, { url: urlOf('api-server'), caPem: started.caPem, token: started.adminToken });
  await serveControl(layout.control, {
    status: async () => status(started),
    credentials: async () => ({
      adminToken: started.adminToken,
      openBaoToken: started.openBaoToken,
      ...(started.ceph && { cephUserKey: started.ceph.userKey }),
    }),
    ceph: async ({ argv, stdin }) => cephOf(started).run(argv, stdin),
    run: ({ node, ...command }) => started.node(node).run(command),
    importImage: ({ node, archive }) => done(started.node(node).importImage(archive)),
    killNode: ({ node }) => done(started.node(node).kill()),
    bootNode: ({ node }) => done(started.node(node).boot(started.api)),
    halt: ({ name }) => done(started.halt(name)),
    resume: ({ name }) => done(started.resume(name)),
    restartApiServer: ({ args }) => done(started.restartApiServer(args)),
    start: (program) => done(started.startProgram(program)),
    stop: async () => {
      // After the answer.
      setTimeout(() => void end(), 50);
      return {};
    },
  });
}

async function end({ removeFolder = false } = {}): Promise<void> {
  try {
    await box?.stop();
    if (removeFolder) rmSync(layout.folder, { recursive: true, force: true });
  } finally {
    // Process 1 ends with this one, and with it whatever is left in the namespaces.
    process.exit(0);
  }
}

function status(started: Box): BoxStatus {
  return {
    folder: layout.folder,
    pid: process.pid,
    startedAt,
    kubeconfig: layout.kubeconfig,
    caFile: layout.caFile,
    apiServer: urlOf('api-server'),
    openBao: { address: urlOf('openbao'), addressInside: openBaoUrl },
    ...(started.ceph && { ceph: started.ceph.status }),
    processes: started.processes,
    nodes: [...started.nodes].map(({ name, network, isRunning }) => ({
      name,
      address: network.address,
      running: isRunning,
      folder: layout.of(name),
    })),
  };
}

function cephOf({ ceph }: Box): BoxCeph {
  if (ceph === undefined) throw new Error('the cluster has no Ceph: take it down, and start it with --ceph');
  return ceph;
}

function urlOf(server: 'api-server' | 'openbao'): string {
  const url = urls.get(server);
  if (url === undefined) throw new Error(`the box was given no socket for ${server}`);
  return url;
}

async function done(work: Promise<void>): Promise<object> {
  await work;
  return {};
}

function send(message: BoxMessage): void {
  if (process.connected) process.send?.(message);
}
