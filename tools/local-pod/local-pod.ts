/**
 * Runs a container of an emitted pod template as a process of this machine, configured by exactly the emitted documents.
 * Like a container it is one unit: all its processes die together, so a restart never meets a leftover of the one before.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../runtime/errors';
import type { Secret } from '../../runtime/secret';
import { containerCommand } from './container-command';
import { freePort } from './free-port';
import type { Manifests, PodSource } from './manifests';
import type { PathMap } from './path-map';
import type { Container } from './pod-template';
import { placeVolumes, type SecretObject } from './pod-volumes';
import { type LocalProbe, waitUntilStarted } from './startup-probe';

export interface PodOptions {
  readonly manifests: Manifests;
  /** Whose template the pod is made from. @default the DaemonSet of the documents */
  readonly workload?: PodSource;
  /** Name of the container in the template. */
  readonly container: string;
  /** Folder for everything that is on the node or in the pod. Short: unix sockets live below it. */
  readonly root: string;
  readonly nodeName: string;
  /** Stands for the image's entry point; the container's arguments follow. */
  readonly command: readonly [string, ...string[]];
  /** For volumes that mount Secrets. @default none */
  readonly secrets?: readonly SecretObject[];
  readonly serviceAccountToken?: Secret;
}

export interface LocalPod {
  readonly pid: number;
  readonly namespace: string;
  /** Paths of the unix sockets that the container was told to serve, by the name of the flag. */
  readonly sockets: ReadonlyMap<string, string>;
  /** Standard output and error of all starts, one after the other. */
  readonly logFile: string;
  readonly paths: PathMap;
  /** Resolves when the main process is gone. */
  readonly exited: Promise<void>;
  /** SIGTERM, and SIGKILL when it takes longer than `graceMs`. @default 30,000 */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL for all processes of the container at once. */
  kill(): Promise<void>;
}

/** Starts the container and waits for its startup probe, as the kubelet does. @throws Error with the end of its log. */
export async function startPod(options: PodOptions): Promise<LocalPod> {
  const { manifests, root, nodeName, secrets = [], serviceAccountToken } = options;
  const source = options.workload ?? manifests.daemonSet();
  const container = containerOf(source.template.spec.containers, options.container);
  const state = { manifests, secrets, ...(serviceAccountToken && { serviceAccountToken }) };
  const paths = placeVolumes(root, source, container, state);
  const ports = new Map<number, number>();
  for (const { containerPort } of container.ports) ports.set(containerPort, await freePort());
  const facts = { nodeName, namespace: source.namespace, podName: `${source.name}-local`, ports };
  const { args, env, sockets } = containerCommand(container, facts, paths);
  const logFile = join(root, 'log', `${container.name}.log`);
  const child = spawnGroup([...options.command, ...args], env, logFile);
  const pod = runningPod(child, { namespace: source.namespace, sockets, logFile, paths });
  const waiting = new AbortController();
  try {
    await Promise.race([startupProbe(container, ports, waiting.signal), earlyEnd(pod, waiting.signal)]);
  } catch (error) {
    await pod.kill();
    throw error;
  } finally {
    waiting.abort();
  }
  return pod;
}

function containerOf(containers: readonly Container[], name: string): Container {
  const found = containers.find((each) => each.name === name);
  if (found) return found;
  throw new Error(`the pod has no container ${name} (known: ${containers.map((each) => each.name).join(', ')})`);
}

function spawnGroup(command: readonly string[], env: Readonly<Record<string, string>>, logFile: string): ChildProcess {
  const [file = '', ...args] = command;
  mkdirSync(join(logFile, '..'), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'a', 0o600);
  try {
    // A group of its own stands for the container's pid namespace.
    return spawn(file, args, { env: { ...machine(), ...env }, stdio: ['ignore', log, log], detached: true });
  } finally {
    closeSync(log);
  }
}

/** What an image would bring: where the tools are, and that nobody answers for udev. */
function machine(): NodeJS.ProcessEnv {
  const { PATH, DM_DISABLE_UDEV } = process.env;
  return { PATH, ...(DM_DISABLE_UDEV !== undefined && { DM_DISABLE_UDEV }) };
}

function startupProbe(
  { startupProbe: probe, ports }: Container,
  local: ReadonlyMap<number, number>,
  signal: AbortSignal,
): Promise<void> {
  if (!probe?.httpGet) return Promise.resolve();
  const { path, port } = probe.httpGet;
  const number = typeof port === 'number' ? port : ports.find((each) => each.name === port)?.containerPort;
  const localPort = local.get(number ?? 0);
  if (localPort === undefined)
    throw new Error(`the startup probe asks port ${port}, which the container does not declare`);
  const found: LocalProbe = { path, port: localPort, timeoutMs: probe.periodSeconds * probe.failureThreshold * 1000 };
  return waitUntilStarted(found, signal);
}

/** Fails when the container ends while it is waited for; afterwards its end is no news. */
async function earlyEnd(pod: LocalPod, waiting: AbortSignal): Promise<void> {
  await pod.exited;
  if (waiting.aborted) return;
  const tail = readFileSync(pod.logFile, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new Error(`the container ended before it had started. Its log ends:\n${tail}`);
}

function runningPod(
  child: ChildProcess,
  facts: Pick<LocalPod, 'namespace' | 'sockets' | 'logFile' | 'paths'>,
): LocalPod {
  const signal = (name: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch (error) {
      // ESRCH: the group is gone already.
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  };
  const killAll = () => signal('SIGKILL');
  process.once('exit', killAll);
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).then(() => {
    process.off('exit', killAll);
    killAll();
  });
  return {
    ...facts,
    pid: child.pid ?? 0,
    exited,
    stop: async (graceMs = 30_000) => {
      const timer = setTimeout(killAll, graceMs);
      child.kill('SIGTERM');
      await exited;
      clearTimeout(timer);
    },
    kill: async () => {
      killAll();
      await exited;
    },
  };
}
