/**
 * A folder for the front of PATH with a stand-in for each tool: it notes its arguments and environment, runs the real tool,
 * and can kill the process that called it, before or after. Shell built-ins only: processes are expensive in the guest.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand } from '../../tools/find-command';

export interface ToolCall {
  readonly tool: string;
  readonly args: readonly string[];
  /** The environment of the tool, as text. */
  readonly environment: string;
}

/** Where in a call the caller dies. */
export type KillPoint = 'before' | 'after';

export class ToolShims {
  /** Put it first in PATH. */
  readonly folder: string;
  readonly #notes: string;

  constructor(root: string, tools: readonly string[]) {
    this.folder = join(root, 'shims');
    this.#notes = join(root, 'tool-calls');
    for (const folder of [this.folder, this.#notes]) mkdirSync(folder, { recursive: true });
    for (const tool of tools) this.#write(tool);
  }

  /** The calls since the last time, oldest first. */
  takeCalls(): readonly ToolCall[] {
    const file = join(this.#notes, 'calls');
    if (!existsSync(file)) return [];
    const text = readFileSync(file, 'utf8');
    rmSync(file);
    return text
      .split('\x1e')
      .slice(1)
      .map((call) => {
        const [line = '', ...environment] = call.split('\x1d');
        const [tool = '', ...args] = line.split('\x1f').slice(0, -1);
        return { tool, args, environment: environment.join('') };
      });
  }

  /** Kills the caller of the next call whose arguments contain `verb`; undefined: nobody. */
  killAt(tool: string, verb: string, point: KillPoint): void {
    writeFileSync(join(this.#notes, `kill-${tool}`), `${point} ${verb}\n`);
  }

  /** Whether an order to kill was carried out; takes it back otherwise. */
  isDone(tool: string): boolean {
    const order = join(this.#notes, `kill-${tool}`);
    const done = !existsSync(order);
    rmSync(order, { force: true });
    return done;
  }

  #write(tool: string): void {
    const real = findCommand(tool);
    if (real === undefined) throw new Error(`${tool} is not installed`);
    const order = join(this.#notes, `kill-${tool}`);
    const script = `#!/bin/sh
{ printf '\\036'; printf '%s\\037' ${tool} "$@"; printf '\\035'; export -p; } >> ${join(this.#notes, 'calls')}
[ -e ${order} ] || exec ${real} "$@"
read -r point verb < ${order}
case " $* " in *" $verb "*) ;; *) exec ${real} "$@" ;; esac
rm ${order}
[ "$point" = before ] || ${real} "$@"
kill -KILL $PPID
`;
    const path = join(this.folder, tool);
    writeFileSync(path, script);
    chmodSync(path, 0o755);
  }
}
