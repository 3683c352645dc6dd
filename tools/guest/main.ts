/** `npx tsx tools/guest/main.ts -- COMMAND ARG…`: one command in a guest with dm-crypt, for trying things out by hand. */
import { constants } from 'node:os';
import { progressPrinter } from '../progress-printer';
import { prepareGuest } from './host-support';
import { runInGuest } from './run-in-guest';

const TIMEOUT_MS = 600_000;

async function main(argv: readonly string[]): Promise<number> {
  const command = argv[0] === '--' ? argv.slice(1) : argv;
  if (command.length === 0 || command[0] === '--help') {
    console.log('Usage: npx tsx tools/guest/main.ts -- COMMAND ARG…');
    console.log("Runs COMMAND as root in a guest with dm-crypt that sees this machine's files; at most 10 minutes.");
    return command.length === 0 ? 2 : 0;
  }
  const support = await prepareGuest({ onProgress: progressPrinter() });
  if (support.mode === 'none') throw new Error(`Missing: ${support.missing.join(', ')}. ${support.remedy}`);
  const result = await runInGuest({
    command,
    timeoutMs: TIMEOUT_MS,
    onStdout: (chunk) => process.stdout.write(chunk),
    onStderr: (chunk) => process.stderr.write(chunk),
  });
  if (result.panicked) console.error(`The guest died. Its last words:\n${result.console}`);
  if (result.timedOut) console.error(`Killed after ${TIMEOUT_MS / 1000} s.`);
  return result.exitCode ?? 128 + constants.signals.SIGKILL;
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
