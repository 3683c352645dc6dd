/** The options of `npm run cluster`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from '../cache-folder';

export const help = `Usage: npm run cluster -- up|status|env|down [OPTION…]
       npm run cluster -- import [FILE…] [OPTION…]
       npm run cluster -- exec [--node NAME] [OPTION…] -- COMMAND ARG…
       npm run cluster -- kill|boot [--node NAME] [OPTION…]
       npm run cluster -- halt|resume PROGRAM… [OPTION…]
       npm run cluster -- bao [OPTION…] -- ARG…
       npm run cluster -- ceph [OPTION…] -- ceph|rados|rbd ARG…
       npm run cluster -- openbao-token|ceph-key [OPTION…]

A Kubernetes cluster to try keyward on: etcd, API server, controllers and OpenBao as processes of this machine, in a network of
their own, and a node with containerd and a kubelet in a User Mode Linux guest. Needs root. No Docker, no registry, nothing of
the machine is changed; all of it is in one folder, and goes with \`down\`.

  up             starts it, and prints how to reach it; harmless when it runs
  status         says what runs; exit code 3 when there is no cluster
  env            prints what a shell needs to reach it: eval "$(npm run --silent cluster -- env)"
  down           ends it and removes the folder
  import         brings images to every node: archives as \`npm run image\` writes them, or without FILE those that the pods
                 of keyward's driver name, built for it
  exec           runs a command as root on a node, outside of containers
  kill, boot     cuts the power of a node; boots it again with the same disk
  halt, resume   ends programs that \`status\` names; starts them again, OpenBao unsealed
  bao            runs the command line of OpenBao as root
  ceph           runs a command of Ceph as its admin
  openbao-token  prints the root token of OpenBao
  ceph-key       prints the key of the user of Ceph that \`status\` names

  --folder DIR   where everything is. Default: the variable KEYWARD_CLUSTER, or ${cacheFolder('cluster')}
  --nodes N      nodes, 0 to 4. Default 1
  --memory MIB   memory of each node. Default 2048
  --ceph         with a Ceph of one monitor and one OSD, for volumes that are its images
  --node NAME    default node-1
  --output json  print one JSON object to stdout; progress goes to stderr
  --help         show this text

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no cluster; exec, bao, ceph: that of the command.`;

const commands = [
  'up',
  'status',
  'env',
  'down',
  'import',
  'exec',
  'kill',
  'boot',
  'halt',
  'resume',
  'bao',
  'ceph',
  'openbao-token',
  'ceph-key',
] as const;

/** They need something to work on, or take it. */
const needingOperands: readonly string[] = ['exec', 'halt', 'resume', 'bao', 'ceph'] satisfies ClusterCommand[];
const takingOperands: readonly string[] = [...needingOperands, 'import'];

export type ClusterCommand = (typeof commands)[number];

export interface ClusterArguments {
  /** undefined: help is wanted. */
  readonly command: ClusterCommand | undefined;
  /** What follows the command: files, programs, or a command to run. */
  readonly operands: readonly string[];
  readonly folder: string;
  readonly nodes: number;
  readonly memoryMiB: number;
  readonly ceph: boolean;
  readonly node: string;
  readonly json: boolean;
}

const maxNodes = 4;
const minMemoryMiB = 1024;

/** @throws TypeError for what it does not know, with the way out */
export function readCommandLine(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): ClusterArguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      folder: { type: 'string' },
      nodes: { type: 'string', default: '1' },
      memory: { type: 'string', default: '2048' },
      ceph: { type: 'boolean', default: false },
      node: { type: 'string', default: 'node-1' },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { output } = values;
  if (output !== undefined && output !== 'json') throw new TypeError(`--output ${output}: only json is known`);
  const [name, ...operands] = positionals;
  const command = values.help ? undefined : commandNamed(name);
  if (command !== undefined) checkOperands(command, operands);
  return {
    command,
    operands,
    folder: folderOf(values.folder ?? env.KEYWARD_CLUSTER),
    nodes: whole('--nodes', values.nodes, 0, maxNodes),
    memoryMiB: whole('--memory', values.memory, minMemoryMiB, Number.POSITIVE_INFINITY),
    ceph: values.ceph,
    node: values.node,
    json: output === 'json',
  };
}

/** An empty variable is as none. */
function folderOf(given: string | undefined): string {
  return given ? resolve(given) : cacheFolder('cluster');
}

function checkOperands(command: ClusterCommand, operands: readonly string[]): void {
  if (needingOperands.includes(command) && operands.length === 0)
    throw new TypeError(`${command}: say what to ${command}`);
  if (!takingOperands.includes(command) && operands.length > 0)
    throw new TypeError(`${operands.join(' ')}: ${command} takes no operand`);
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
