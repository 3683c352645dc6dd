/** The options of `npm run cluster`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from '../cache-folder';

export const help = `Usage: npm run cluster -- up|status|down [OPTION…]
       npm run cluster -- import FILE… [OPTION…]
       npm run cluster -- exec [--node NAME] [OPTION…] -- COMMAND ARG…
       npm run cluster -- kill|boot [--node NAME] [OPTION…]
       npm run cluster -- openbao-token [OPTION…]

A Kubernetes cluster to try keyward on: etcd, API server, controllers and OpenBao as processes of this machine, in a network of
their own, and a node with containerd and a kubelet in a User Mode Linux guest. Needs root. No Docker, no registry, nothing of
the machine is changed; all of it is in one folder, and goes with \`down\`.

  up             starts it, and prints how to reach it; harmless when it runs
  status         says what runs; exit code 3 when there is no cluster
  down           ends it and removes the folder
  import         brings images to every node: archives as \`npm run image\` writes them
  exec           runs a command as root on a node, outside of containers
  kill, boot     cuts the power of a node; boots it again with the same disk
  openbao-token  prints the root token of OpenBao

  --folder DIR   where everything is. Default: ${defaultFolder()}
  --nodes N      nodes, 0 to 4. Default 1
  --memory MIB   memory of each node. Default 2048
  --node NAME    default node-1
  --output json  print one JSON object to stdout; progress goes to stderr
  --help         show this text

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no cluster; exec: that of the command.`;

const commands = ['up', 'status', 'down', 'import', 'exec', 'kill', 'boot', 'openbao-token'] as const;

export type ClusterCommand = (typeof commands)[number];

export interface ClusterArguments {
  /** undefined: help is wanted. */
  readonly command: ClusterCommand | undefined;
  /** What follows the command: files, or a command of the node. */
  readonly operands: readonly string[];
  readonly folder: string;
  readonly nodes: number;
  readonly memoryMiB: number;
  readonly node: string;
  readonly json: boolean;
}

const maxNodes = 4;
const minMemoryMiB = 1024;

/** @throws TypeError for what it does not know, with the way out */
export function readCommandLine(argv: readonly string[]): ClusterArguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      folder: { type: 'string' },
      nodes: { type: 'string', default: '1' },
      memory: { type: 'string', default: '2048' },
      node: { type: 'string', default: 'node-1' },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { output } = values;
  if (output !== undefined && output !== 'json') throw new TypeError(`--output ${output}: only json is known`);
  const [name, ...operands] = positionals;
  const command = values.help ? undefined : commandNamed(name);
  const takesOperands = command === 'import' || command === 'exec';
  if (takesOperands && operands.length === 0) throw new TypeError(`${name}: say what to ${name}`);
  if (!takesOperands && operands.length > 0) throw new TypeError(`${operands.join(' ')}: ${name} takes no operand`);
  return {
    command,
    operands,
    folder: values.folder === undefined ? defaultFolder() : resolve(values.folder),
    nodes: whole('--nodes', values.nodes, 0, maxNodes),
    memoryMiB: whole('--memory', values.memory, minMemoryMiB, Number.POSITIVE_INFINITY),
    node: values.node,
    json: output === 'json',
  };
}

function defaultFolder(): string {
  return cacheFolder('cluster');
}

function commandNamed(name: string | undefined): ClusterCommand {
  const found = commands.find((each) => each === name);
  if (found !== undefined) return found;
  throw new TypeError(`${name ?? 'no command'}: give one of ${commands.join(', ')}`);
}

function whole(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  const range = Number.isFinite(max) ? `from ${min} to ${max}` : `from ${min}`;
  throw new TypeError(`${option} ${text}: give a number ${range}`);
}
