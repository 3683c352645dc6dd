/** `npm run demo`: the whole of keyward, once, on a real kernel, with nothing to set up. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';
import { closingTable } from './closing-table';
import { Collector } from './collect';
import { type DemoArguments, help, readCommandLine } from './command-line';
import { outputs } from './outputs';
import { findPlace } from './place';
import { bundlePrograms, synthesise } from './prepare';
import { Progress } from './progress';
import type { DemoResult } from './protocol';
import { storageDeclaration } from './report/declaration';
import { renderReport } from './report/render';
import { runInner } from './run-inner';

async function main(argv: readonly string[]): Promise<number> {
  const args = readCommandLine(argv);
  if (args.help) {
    console.log(help);
    return 0;
  }
  const stream = args.json ? process.stderr : process.stdout;
  const progress = new Progress(stream);
  try {
    const result = await runWith(args, progress);
    progress.close();
    mkdirSync(dirname(args.report), { recursive: true });
    writeFileSync(args.report, renderReport(result, storageDeclaration()));
    stream.write(`${closing(result, stream)}\n  Report: ${args.report}\n`);
    if (args.json) console.log(JSON.stringify(result));
    return result.ok ? 0 : 1;
  } finally {
    progress.close();
  }
}

/** The table, and where to look further; only the reason when nothing could begin. */
function closing(result: DemoResult, stream: WriteStream): string {
  const paint = pc.createColors(stream.isTTY === true && pc.isColorSupported);
  const problem = result.error === undefined ? [] : ['', `  ${paint.red(result.error)}`];
  if (result.mode === 'none') return problem.join('\n');
  const log = !result.ok && existsSync(outputs.driverLog) ? [`  Log of the driver: ${outputs.driverLog}`] : [];
  return [closingTable(result, paint, stream.columns || 120), ...problem, ...log].join('\n');
}

async function runWith({ keep }: DemoArguments, progress: Progress): Promise<DemoResult> {
  progress.heading('Preparing');
  const place = await findPlace((line) => progress.say(`  ${line}`));
  const collector = new Collector(place.mode);
  if (place.mode === 'none') return collector.result(`The demo can run neither natively nor in a guest. ${place.why}`);
  rmSync(outputs.driverLog, { force: true });
  rmSync(outputs.kept, { recursive: true, force: true });
  try {
    await prepared(progress, 'Synthesise the manifests from the typed constructs', synthesise);
    await prepared(progress, 'Bundle the driver into one file', bundlePrograms);
  } catch (error) {
    return collector.result(`The preparation failed. ${error instanceof Error ? error.message : String(error)}`);
  }

  progress.heading(place.mode === 'native' ? 'Running natively' : 'Running in a guest');
  progress.say(`  Why: ${place.why}.`);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const startedAt = performance.now();
  progress.wait(place.mode === 'native' ? 'Start' : 'Boot the guest');
  const error = await runInner({
    mode: place.mode,
    keep,
    signal: interrupted.signal,
    onText: (text) => progress.say(text.trimEnd()),
    onEvent: (event) => {
      if (event.type === 'environment' && place.mode === 'guest')
        progress.done('Boot the guest', performance.now() - startedAt, event.kernel);
      collector.add(event);
      progress.event(event);
    },
  });
  return collector.result(error);
}

async function prepared(progress: Progress, title: string, action: () => void): Promise<void> {
  const startedAt = performance.now();
  progress.wait(title);
  // Lets the line appear before the work takes the thread.
  await new Promise((resolve) => setImmediate(resolve));
  action();
  progress.done(title, performance.now() - startedAt);
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // parseArgs reports wrong options as a TypeError with a code of its own.
    const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    console.error(isUsage ? `${error.message}\n\nSee: npm run demo -- --help` : error);
    process.exitCode = isUsage ? 2 : 1;
  },
);
