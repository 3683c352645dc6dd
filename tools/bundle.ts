/** Bundles with esbuild: one CommonJS file each, so that a container or a guest needs node and that file. */
import { chmodSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const root = join(__dirname, '..');

export const runtimeBundle = join(root, 'dist/keyward.cjs');

/** Writes dist/keyward.cjs. Takes well under a second. */
export function bundleRuntime(): void {
  bundle('runtime/bin/keyward.ts', runtimeBundle);
  chmodSync(runtimeBundle, 0o755);
}

/**
 * Bundles the program at `entry` (relative to the repository) to `outfile`, which is replaced as a whole: it may be running.
 * @returns the files that it has code of, relative to the repository
 */
export function bundle(entry: string, outfile: string): readonly string[] {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const unfinished = `${outfile}.${process.pid}.unfinished`;
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: unfinished,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    // Less to read, compile and keep in memory. Names stay, for stack traces; so do lines, of which Node.js prints the failing one.
    minifyWhitespace: true,
    lineLimit: 160,
    // Only the channelz and ORCA services of grpc-js load the first, when they are asked for, and nothing here serves them.
    // The second has machine code, which stays beside it; only a driver with a Ceph cluster loads it.
    external: ['@grpc/proto-loader', 'koffi'],
    logLevel: 'warning',
    define: { KEYWARD_VERSION: JSON.stringify(version) },
  });
  renameSync(unfinished, outfile);
  const sources = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  return sources.flatMap(([source, { bytesInOutput }]) => (bytesInOutput > 0 ? [source] : []));
}
