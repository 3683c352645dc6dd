/** The load generator of benchmark and soak, tools/go/kms-load: a process of its own, the same for every plugin. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requireTool } from '../tools/ensure';

export type LoadOperation = 'encrypt' | 'decrypt' | 'mixed';

export interface LoadOptions {
  /** Path of the plugin's socket. */
  readonly socket: string;
  readonly callers: number;
  readonly operation: LoadOperation;
  readonly warmupMs: number;
  readonly durationMs: number;
}

/** One line of its output. Times are of calls that succeeded. */
export interface LoadSummary {
  readonly calls: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Calls that came back with another plaintext than was encrypted. */
  readonly wrong: number;
  /** Calls by gRPC status and the code that begins its text, such as `Unavailable KMS_SEALED`. */
  readonly errors: Readonly<Record<string, number>>;
  /** One text of each. */
  readonly examples?: Readonly<Record<string, string>>;
  /** Time of the processor that the generator itself took. */
  readonly cpuSeconds: number;
}

/** Arguments of the command line. */
export function loadArguments({ socket, callers, operation, warmupMs, durationMs }: LoadOptions): string[] {
  return [
    ...[`-socket=${socket}`, `-callers=${callers}`, `-operation=${operation}`],
    ...[`-warmup=${warmupMs}ms`, `-duration=${durationMs}ms`],
  ];
}

/** Runs one load without an error in it. @throws Error when a call failed or gave a wrong plaintext; ToolError TOOL_NOT_PREPARED */
export async function runLoad(options: LoadOptions): Promise<LoadSummary> {
  const timeout = options.warmupMs + options.durationMs + 60_000;
  const { stdout } = await promisify(execFile)(requireTool('kms-load'), loadArguments(options), { timeout });
  const summary = JSON.parse(stdout) as LoadSummary;
  const failed = Object.entries(summary.errors);
  if (failed.length === 0 && summary.wrong === 0) return summary;
  const texts = failed.map(([kind, count]) => `${count} × ${kind}: ${summary.examples?.[kind] ?? ''}`);
  throw new Error(`${options.operation} on ${options.socket}: ${summary.wrong} wrong plaintexts; ${texts.join('; ')}`);
}
