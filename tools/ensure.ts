/** Makes components available: finds what is there, installs or builds what is not, one piece of work at a time on this machine. */
import { existsSync } from 'node:fs';
import { cacheFolder } from './cache-folder';
import type { Component, DebianComponent } from './component';
import { componentOf, type ToolName } from './components';
import { installDebian, remedy } from './debian-install';
import { findCommand } from './find-command';
import { buildGo, goOutput } from './go-build';
import { withMachineLock } from './machine-lock';
import { canInstallPython, installPython, PYTHON_PACKAGES, pythonOutput } from './python-install';
import { ToolError } from './tool-error';

export interface ToolProgress {
  /** What is being prepared: a component, or `packages` for all Debian packages at once. */
  readonly subject: string;
  readonly phase: 'waiting' | 'installing' | 'building' | 'ready' | 'failed';
  readonly elapsedMs: number;
  /** What the builder said last, or what to expect. */
  readonly detail: string;
}

export interface EnsureOptions {
  /** Called at every change of phase, and with each line of the builder. */
  readonly onProgress?: (progress: ToolProgress) => void;
}

/** Path of each asked component that is ready, and the reason for each that is not. */
export interface Preparation {
  readonly paths: ReadonlyMap<ToolName, string>;
  readonly failures: ReadonlyMap<ToolName, ToolError>;
}

/** Absolute path of a component that is ready now, or undefined. Builds nothing. */
export function findTool(name: ToolName): string | undefined {
  const component: Component = componentOf(name);
  if (component.kind === 'debian') return findCommand(component.command);
  const output = component.kind === 'go' ? goOutput(component) : pythonOutput(component);
  return existsSync(output) ? output : undefined;
}

/**
 * Absolute path of a component that must have been prepared before.
 * @throws ToolError TOOL_NOT_PREPARED
 */
export function requireTool(name: ToolName): string {
  const path = findTool(name);
  if (path === undefined)
    throw new ToolError('TOOL_NOT_PREPARED', `${name} is not prepared. Run: npm run tools -- ${name}`);
  return path;
}

/**
 * Prepares every component in `names` and returns their absolute paths.
 * @throws ToolError of the first component that failed, after all others were tried
 */
export async function ensureTools<Name extends ToolName>(
  names: readonly Name[],
  options: EnsureOptions = {},
): Promise<Readonly<Record<Name, string>>> {
  const { paths, failures } = await prepareTools(names, options);
  for (const failure of failures.values()) throw failure;
  return Object.fromEntries(paths) as Record<Name, string>;
}

/** As `ensureTools`, but reports failures by component instead of throwing. */
export async function prepareTools(names: readonly ToolName[], options: EnsureOptions = {}): Promise<Preparation> {
  const wanted = [...new Set(names)];
  const failures = new Map<ToolName, ToolError>();
  if (wanted.some((name) => findTool(name) === undefined)) {
    await withMachineLock(
      cacheFolder('tools'),
      async () => {
        await installMissing(wanted, failures, options);
        await buildMissing(wanted, failures, options);
      },
      { onWait: () => report(options, 'tools', 'waiting', Date.now(), 'another process is preparing components') },
    );
  }
  const paths = new Map<ToolName, string>();
  for (const name of wanted) {
    const path = findTool(name);
    if (path !== undefined) paths.set(name, path);
  }
  return { paths, failures };
}

async function installMissing(names: readonly ToolName[], failures: Map<ToolName, ToolError>, options: EnsureOptions) {
  const missing = names.flatMap((name) => {
    const component = componentOf(name);
    return component.kind === 'debian' && findTool(name) === undefined ? [{ name, package: component.package }] : [];
  });
  const packages = [...new Set([...missing.map((entry) => entry.package), ...(await missingForPython(names))])];
  if (packages.length === 0) return;
  const startedMs = Date.now();
  report(options, 'packages', 'installing', startedMs, packages.join(' '));
  try {
    await installDebian(packages, (line) => report(options, 'packages', 'installing', startedMs, line));
    const absent = missing.filter(({ name }) => findTool(name) === undefined);
    for (const { name, package: packageName } of absent) {
      const message = `${packageName} is installed but brought no ${name}. ${remedy([packageName])}`;
      failures.set(name, new ToolError('INSTALL_FAILED', message));
    }
    report(options, 'packages', 'ready', startedMs, packages.join(' '));
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    for (const { name } of missing) failures.set(name, error);
    report(options, 'packages', 'failed', startedMs, error.message);
  }
}

/** What must be there before a Python component can be installed. */
async function missingForPython(names: readonly ToolName[]): Promise<readonly string[]> {
  const isWanted = names.some((name) => componentOf(name).kind === 'python' && findTool(name) === undefined);
  return isWanted && !(await canInstallPython()) ? PYTHON_PACKAGES : [];
}

async function buildMissing(names: readonly ToolName[], failures: Map<ToolName, ToolError>, options: EnsureOptions) {
  for (const name of names) {
    const component = componentOf(name);
    if (component.kind === 'debian' || findTool(name) !== undefined) continue;
    const startedMs = Date.now();
    const phase = component.kind === 'go' ? 'building' : 'installing';
    const onLine = (line: string) => report(options, name, phase, startedMs, line);
    onLine(expectation(component));
    try {
      const path = await (component.kind === 'go' ? buildGo(component, onLine) : installPython(component, onLine));
      report(options, name, 'ready', startedMs, path);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      failures.set(name, error);
      report(options, name, 'failed', startedMs, error.message);
    }
  }
}

function expectation(component: Exclude<Component, DebianComponent>): string {
  if (component.kind === 'python') return `version ${component.version}; about ${component.installSeconds} s`;
  const { version, coldBuildSeconds, relinkSeconds } = component;
  const minutes = Math.max(1, Math.round(coldBuildSeconds / 60));
  return `version ${version}; about ${minutes} min the first time, ${relinkSeconds} s with a warm Go cache (two cores)`;
}

function report(
  options: EnsureOptions,
  subject: string,
  phase: ToolProgress['phase'],
  startedMs: number,
  detail: string,
) {
  options.onProgress?.({ subject, phase, elapsedMs: Date.now() - startedMs, detail });
}
