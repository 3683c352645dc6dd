/** Runs commands in a node. Host and guest share nothing but files, so a command is a folder that node.sh looks for. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NodeCommand {
  readonly argv: readonly string[];
  readonly stdin?: string;
  /** @default 120000 */
  readonly timeoutMs?: number;
}

export interface NodeCommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const pollMs = 50;

/**
 * @param requests folder that node.sh of a running node looks into
 * @throws Error when it takes too long; the command then may still run
 */
export async function runInNode(requests: string, command: NodeCommand): Promise<NodeCommandResult> {
  const { argv, stdin = '', timeoutMs = 120_000 } = command;
  const folder = join(requests, randomUUID());
  const unfinished = `${folder}.unfinished`;
  mkdirSync(unfinished, { mode: 0o700 });
  writeFileSync(join(unfinished, 'stdin'), stdin, { mode: 0o600 });
  // Under its final name at once: node.sh takes a request by this file.
  writeFileSync(join(unfinished, 'argv.unfinished'), argv.map((value) => `${value}\0`).join(''), { mode: 0o600 });
  renameSync(unfinished, folder);
  renameSync(join(folder, 'argv.unfinished'), join(folder, 'argv'));
  try {
    const untilMs = Date.now() + timeoutMs;
    while (!existsSync(join(folder, 'exit-code'))) {
      if (Date.now() > untilMs)
        throw new Error(`${argv.join(' ')} has not ended in the node after ${timeoutMs / 1000} s`);
      await sleep(pollMs);
    }
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    return { exitCode: Number.parseInt(read('exit-code'), 10), stdout: read('stdout'), stderr: read('stderr') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
