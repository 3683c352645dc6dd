/** What the kubelet would start for a container: arguments and environment with every reference resolved and every path local. */
import type { PathMap } from './path-map';
import type { Container } from './pod-template';

export interface PodFacts {
  readonly nodeName: string;
  readonly namespace: string;
  readonly podName: string;
  /** The port of this machine for each port of the container: a plain process has no network of its own. */
  readonly ports: ReadonlyMap<number, number>;
}

export interface ContainerCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Paths of the unix sockets in the arguments, by the name of the flag. */
  readonly sockets: ReadonlyMap<string, string>;
}

/** What sun_path holds, without its closing zero. */
const longestSocketPathBytes = 107;

/** @throws Error a reference that cannot be resolved, or a socket path that became too long. */
export function containerCommand(container: Container, facts: PodFacts, paths: PathMap): ContainerCommand {
  const env: Record<string, string> = {};
  for (const { name, value = '', valueFrom } of container.env) {
    env[name] = valueFrom?.fieldRef ? fieldValue(valueFrom.fieldRef.fieldPath, facts) : expand(value, env);
  }
  const args = container.args.map((arg) => mapPort(paths.rewrite(expand(arg, env)), facts.ports));
  const sockets = new Map(
    args.flatMap((arg) => {
      const [, flag, path] = /^--([\w-]+)=unix:\/\/(.+)$/.exec(arg) ?? [];
      return flag !== undefined && path !== undefined ? [[flag, requireShort(path)] as const] : [];
    }),
  );
  const local = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, paths.rewrite(value)]));
  return { args, env: local, sockets };
}

function fieldValue(fieldPath: string, { nodeName, namespace, podName }: PodFacts): string {
  switch (fieldPath) {
    case 'spec.nodeName':
      return nodeName;
    case 'metadata.namespace':
      return namespace;
    case 'metadata.name':
      return podName;
    case 'metadata.uid':
      return `uid-of-${podName}`;
    default:
      throw new Error(`the field ${fieldPath} has no value outside of a cluster`);
  }
}

/** `$(NAME)` as Kubernetes expands it: a name that is not known stays as it is, `$$` is one dollar sign. */
function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]+)\)/g, (whole, name?: string) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

function mapPort(arg: string, ports: ReadonlyMap<number, number>): string {
  const [, flag, port] = /^(--[\w-]*port=)(\d+)$/.exec(arg) ?? [];
  const local = ports.get(Number(port));
  return flag === undefined || local === undefined ? arg : `${flag}${local}`;
}

function requireShort(path: string): string {
  if (Buffer.byteLength(path) <= longestSocketPathBytes) return path;
  throw new Error(`the socket path ${path} is longer than ${longestSocketPathBytes} bytes: choose a shorter root`);
}
