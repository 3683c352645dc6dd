/** Builds one Go component into the cache; the version of a cached file is a hash of everything that goes into it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder';
import type { GoComponent } from './component';
import { exec } from './exec';
import { findCommand } from './find-command';
import { ToolError } from './tool-error';

const GO_REMEDY =
  'Install Go 1.21 or newer (apt-get install golang-go, or https://go.dev/doc/install) and put `go` on PATH.';

/** Where the executable of `component` is, or will be; absolute. */
export function goOutput(component: GoComponent): string {
  const folder = join(cacheFolder('tools'), `${component.output}-${component.version}-${pinHash(component)}`);
  return join(folder, component.output);
}

/**
 * Builds `component` and returns its path. The output appears under its name only when complete.
 * @param onLine receives Go's own progress: modules downloaded, packages compiled.
 * @throws ToolError GO_MISSING, BUILD_FAILED
 */
export async function buildGo(component: GoComponent, onLine: (line: string) => void): Promise<string> {
  const go = findCommand('go');
  if (go === undefined) throw new ToolError('GO_MISSING', `Go is needed to build ${component.output}. ${GO_REMEDY}`);
  const output = goOutput(component);
  const unfinished = `${output}.${process.pid}.unfinished`;
  mkdirSync(dirname(output), { recursive: true });
  const args = ['build', '-v', '-trimpath', `-ldflags=${component.ldflags}`, '-o', unfinished, component.package];
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' };
  try {
    const result = await exec(go, args, { cwd: recipeFolder(component), env, onLine });
    if (result.exitCode !== 0 || !existsSync(unfinished)) throw buildFailed(component, result.output);
    renameSync(unfinished, output);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return output;
}

function buildFailed(component: GoComponent, output: string): ToolError {
  const tail = output.split('\n').slice(-15).join('\n');
  return new ToolError(
    'BUILD_FAILED',
    `go build ${component.package} failed:\n${tail}\nThe modules come from the Go module proxy: check network and GOPROXY, then run it again; what is done stays in Go's cache.`,
  );
}

function pinHash(component: GoComponent): string {
  const hash = createHash('sha256');
  const folder = recipeFolder(component);
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)));
  return hash.update(`${component.package}\0${component.ldflags}\0${process.arch}`).digest('hex').slice(0, 12);
}

function recipeFolder(component: GoComponent): string {
  return join(__dirname, 'go', component.recipe);
}
