/** `npm run tools -- [NAME…]`: prepares the real components that tests, demo and benchmarks use. */
import { parseArgs } from 'node:util';
import type { Component } from './component';
import { componentOf, isToolName, TOOL_NAMES, type ToolName } from './components';
import { findTool, type Preparation, prepareTools } from './ensure';
import { progressPrinter } from './progress-printer';

const HELP = `Usage: npm run tools -- [NAME…] [--list] [--output json]

Prepares the components that tests, demo and benchmarks use, at pinned versions:
Go components are built once into the user's cache ($XDG_CACHE_HOME or ~/.cache, keyward/tools),
Python components are installed there from PyPI,
Debian components are installed when this user may. Without NAME: all of them.

  --list         show the components and whether each is ready; prepare nothing
  --output json  print a JSON object to stdout: component → {version, ready, path, error}
  --help         show this text

Exit codes: 0 all ready, 1 something failed, 2 wrong usage.

Components: ${TOOL_NAMES.join(', ')}`;

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { list: { type: 'boolean' }, output: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values.output !== undefined && values.output !== 'json')
    throw usage(`--output ${values.output}: only json is known`);
  const names = positionals.length === 0 ? TOOL_NAMES : positionals.map(toolName);
  const prepared: Preparation = values.list
    ? { paths: new Map(), failures: new Map() }
    : await prepareTools(names, { onProgress: progressPrinter() });
  if (values.output === 'json') console.log(JSON.stringify(asObject(names, prepared), null, 2));
  else for (const name of names) console.log(asLine(name));
  for (const { message } of new Set(prepared.failures.values())) console.error(`\n${message}`);
  return prepared.failures.size === 0 ? 0 : 1;
}

function toolName(name: string): ToolName {
  if (isToolName(name)) return name;
  throw usage(`${name}: no such component. Known: ${TOOL_NAMES.join(', ')}`);
}

function asLine(name: ToolName): string {
  const component = componentOf(name);
  const path = findTool(name);
  const state = path ?? `missing${effort(component)}`;
  return `${name.padEnd(16)} ${versionOf(component).padEnd(12)} ${component.purpose.padEnd(50)} ${state}`;
}

function asObject(names: readonly ToolName[], { failures }: Preparation): Record<string, unknown> {
  const entry = (name: ToolName) => {
    const path = findTool(name);
    const error = failures.get(name)?.message;
    return { version: versionOf(componentOf(name)), ready: path !== undefined, path, error };
  };
  return Object.fromEntries(names.map((name) => [name, entry(name)]));
}

function versionOf(component: Component): string {
  return component.kind === 'debian' ? `deb ${component.package}` : component.version;
}

function effort(component: Component): string {
  if (component.kind === 'debian') return '';
  return component.kind === 'go'
    ? ` (about ${component.coldBuildSeconds} s to build)`
    : ` (about ${component.installSeconds} s to install)`;
}

function usage(message: string): Error {
  return Object.assign(new TypeError(message), { code: 'ERR_USAGE' });
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // Wrong options come from parseArgs as a TypeError, like our own usage errors.
    const isUsage = error instanceof TypeError;
    console.error(isUsage ? `${error.message}\n\nSee: npm run tools -- --help` : error);
    process.exitCode = isUsage ? 2 : 1;
  },
);
