/**
 * The inner program: `node inner.cjs --manifests DIR --runtime FILE --log FILE [--keep DIR]`. Runs the demo where dm-crypt is and
 * prints one event a line. The passphrase is made here and lives in this process's memory only.
 */
import { copyFileSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../runtime/process/run';
import { Secret } from '../runtime/secret';
import { readManifests } from '../tools/local-pod/manifests';
import type { DemoEvent } from './protocol';
import { runDemo } from './run-demo';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      manifests: { type: 'string' },
      runtime: { type: 'string' },
      log: { type: 'string' },
      keep: { type: 'string' },
    },
  });
  const { manifests, runtime, log, keep } = values;
  if (manifests === undefined || runtime === undefined || log === undefined) throw new Error('arguments are missing');
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
  }
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'kw-'));
  const random = Secret.random(32);
  const passphrase = Secret.fromText(random.use((bytes) => bytes.toString('base64url')));
  random.zero();
  try {
    const ok = await runDemo({
      manifests: readManifests(manifests),
      root,
      nodeName: hostname(),
      command: [process.execPath, runtime],
      passphrase,
      signal: interrupted.signal,
      onEvent: print,
    });
    return ok ? 0 : 1;
  } finally {
    passphrase.zero();
    const driverLog = join(root, 'log', 'keyward.log');
    if (existsSync(driverLog)) copyFileSync(driverLog, log);
    if (keep !== undefined) await keepFolder(root, keep);
    rmSync(root, { recursive: true, force: true });
  }
}

/** Images are sparse and stay so; sockets mean nothing without their process. */
async function keepFolder(root: string, target: string): Promise<void> {
  await run('find', [root, '-type', 's', '-delete']);
  await run('cp', ['--recursive', '--sparse=always', '--no-target-directory', root, target]);
}

function print(event: DemoEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    print({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
  },
);
