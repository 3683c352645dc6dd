/** One run of Jest over some tiers, and what came out of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tier } from './test-tiers';

export interface JestRun {
  readonly tiers: readonly Tier[];
  /** Regular expressions on paths. */
  readonly patterns: readonly string[];
  /** Regular expression on test names. */
  readonly testNamePattern?: string;
}

export interface JestOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The tests that failed, each as `FILE: NAME`. */
  readonly failures: readonly string[];
  /** Jest itself failed or could not end; its tests may all have passed. */
  readonly trouble?: string;
}

const WORKERS = 2;
/** Each file of `e2e` boots a guest, and one is enough for half of a machine. */
const GUEST_WORKERS = 1;
/** How long Jest may take to exit after its last test. A handle that a test left open keeps it for ever. */
const EXIT_DEADLINE_MS = 20_000;
const POLL_MS = 500;

/** Runs Jest with its output on this process's stdout; never rejects because of a failing test. */
export async function runJest(root: string, run: JestRun): Promise<JestOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-test-'));
  const summaryFile = join(folder, 'summary.json');
  try {
    const child = spawn(process.execPath, [require.resolve('jest/bin/jest'), ...jestArguments(root, run)], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, KEYWARD_TEST_SUMMARY: summaryFile },
    });
    let hung = false;
    let finishedMs: number | undefined;
    const watch = setInterval(() => {
      if (finishedMs === undefined && existsSync(summaryFile)) finishedMs = Date.now();
      if (finishedMs === undefined || Date.now() - finishedMs < EXIT_DEADLINE_MS) return;
      hung = true;
      child.kill('SIGKILL');
    }, POLL_MS);
    const [exitCode] = await once(child, 'close');
    clearInterval(watch);
    return outcome(summaryFile, exitCode, hung);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jestArguments(root: string, { tiers, patterns, testNamePattern }: JestRun): string[] {
  return [
    ...['--selectProjects', ...tiers],
    ...[
      `--reporters=${join(root, 'tools', 'test-reporter.js')}`,
      `--maxWorkers=${tiers.includes('e2e') ? GUEST_WORKERS : WORKERS}`,
    ],
    ...(process.env.CI === 'true' ? ['--ci'] : []),
    ...(testNamePattern === undefined ? [] : [`--testNamePattern=${testNamePattern}`]),
    ...(patterns.length === 0 ? [] : ['--testPathPatterns', ...patterns]),
  ];
}

function outcome(summaryFile: string, exitCode: number | null, hung: boolean): JestOutcome {
  const none = { passed: 0, failed: 0, skipped: 0, failures: [] };
  if (!existsSync(summaryFile)) return { ...none, trouble: `Jest ended without a result (exit code ${exitCode})` };
  const { passed, failed, skipped, failures, interrupted } = JSON.parse(readFileSync(summaryFile, 'utf8'));
  const counts = { passed, failed, skipped, failures };
  if (hung)
    return {
      ...counts,
      trouble: `a test left something open: Jest had not exited ${EXIT_DEADLINE_MS / 1000} s after the last test`,
    };
  if (interrupted) return { ...counts, trouble: 'Jest was interrupted' };
  if (exitCode !== 0 && failed === 0)
    return { ...counts, trouble: `Jest failed (exit code ${exitCode}) although no test did` };
  return counts;
}
