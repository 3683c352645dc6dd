/** The logs of a box, for the message of a test that fails. */
import { existsSync, readFileSync } from 'node:fs';
import type { BoxStatus } from '../../tools/cluster/control-protocol';
import { boxLayout } from '../../tools/cluster/layout';

/** The end of every log. */
export function boxLogTails({ folder: own, processes, nodes }: BoxStatus, lines: number): string {
  const logs = [
    ...processes.map(({ name, logFile }) => [name, logFile] as const),
    ...nodes.flatMap(({ name, folder }) =>
      ['node', 'containerd', 'kubelet'].map((log) => [`${name}: ${log}`, `${folder}/${log}.log`] as const),
    ),
    ['box', boxLayout(own).log] as const,
  ];
  return logs.map(([name, file]) => `--- ${name}\n${tail(file, lines)}`).join('\n');
}

function tail(file: string, lines: number): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
