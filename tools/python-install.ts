/** Installs one Python component into the cache; as for Go, the folder is named by everything that goes into it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder';
import type { PythonComponent } from './component';
import { exec } from './exec';
import { findCommand } from './find-command';
import { ToolError } from './tool-error';

/** What Debian calls the interpreter and its installer. The module `venv` is not needed: each component has a folder. */
export const PYTHON_PACKAGES = ['python3', 'python3-pip'] as const;

/** Where the launcher of `component` is, or will be; absolute. */
export function pythonOutput(component: PythonComponent): string {
  return join(cacheFolder('tools'), `${component.recipe}-${component.version}-${pinHash(component)}`, component.recipe);
}

/** True when there is a Python that can install packages. */
export async function canInstallPython(): Promise<boolean> {
  const python = findPython();
  return python !== undefined && (await exec(python, ['-m', 'pip', '--version'])).exitCode === 0;
}

/**
 * Installs `component` from PyPI and returns its launcher, which appears only when all is there.
 * @param onLine receives pip's own progress.
 * @throws ToolError INSTALL_FAILED
 */
export async function installPython(component: PythonComponent, onLine: (line: string) => void): Promise<string> {
  const python = findPython();
  if (python === undefined) throw failed(component, 'there is no python3');
  const output = pythonOutput(component);
  const folder = join(output, '..');
  const unfinished = `${folder}.${process.pid}.unfinished`;
  mkdirSync(unfinished, { recursive: true });
  try {
    // Wheels only: nothing of a package runs while it is installed.
    const pins = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--requirement', pinFile(component)];
    const quiet = ['--disable-pip-version-check', '--root-user-action', 'ignore', '--no-warn-script-location'];
    const args = ['-m', 'pip', 'install', ...quiet, ...pins, '--target', join(unfinished, 'site')];
    const result = await exec(python, args, { onLine });
    if (result.exitCode !== 0) throw failed(component, result.output.split('\n').slice(-15).join('\n'));
    writeFileSync(join(unfinished, component.recipe), launcher(component, python, join(folder, 'site')), {
      mode: 0o755,
    });
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return output;
}

/** The interpreter goes in by its full path: the wheels with compiled code fit this one. */
function launcher({ entry }: PythonComponent, python: string, site: string): string {
  const [module, name] = entry.split(':');
  return `#!/bin/sh\nPYTHONPATH='${site}' exec '${python}' -c 'import sys; from ${module} import ${name}; sys.exit(${name}())' "$@"\n`;
}

/** The distribution's own first: what stands before it in PATH may be a shim that changes its mind by folder. */
function findPython(): string | undefined {
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : findCommand('python3');
  return python === undefined ? undefined : realpathSync(python);
}

function failed(component: PythonComponent, reason: string): ToolError {
  return new ToolError(
    'INSTALL_FAILED',
    `pip could not install ${component.recipe} ${component.version}:\n${reason}\nThe packages come from PyPI: check network and pip's index, and that ${PYTHON_PACKAGES.join(' and ')} are installed, then run it again.`,
  );
}

function pinHash(component: PythonComponent): string {
  const hash = createHash('sha256').update(readFileSync(pinFile(component)));
  return hash.update(`${component.entry}\0${findPython()}\0${process.arch}`).digest('hex').slice(0, 12);
}

function pinFile(component: PythonComponent): string {
  return join(__dirname, 'python', component.recipe, 'requirements.txt');
}
