import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentOf, isToolName, TOOL_NAMES } from '../../../tools/components';
import { goOutput } from '../../../tools/go-build';
import { pythonOutput } from '../../../tools/python-install';

const goComponents = TOOL_NAMES.map(componentOf).filter((component) => component.kind === 'go');

test.each(goComponents)('$output: its recipe pins the module of its package', (component) => {
  const recipe = join(__dirname, '../../../tools/go', component.recipe);
  expect(existsSync(join(recipe, 'go.sum'))).toBe(true);
  const required = readFileSync(join(recipe, 'go.mod'), 'utf8').match(/^(?:require)?\s+(\S+) v\S+/gm) ?? [];
  const modules = required.map((line) => line.trim().split(/\s+/).at(-2) ?? '');
  // A program of our own, `.`, has its source beside the pins.
  if (component.package === '.') expect(existsSync(join(recipe, 'main.go'))).toBe(true);
  else expect(modules.some((module) => component.package.startsWith(module))).toBe(true);
});

test.each(goComponents)('$output: its cached file is named by version and pins', (component) => {
  expect(goOutput(component)).toMatch(
    new RegExp(`/keyward/tools/${component.output}-${component.version}-[0-9a-f]{12}/`),
  );
  expect(goOutput({ ...component, ldflags: '-s' })).not.toBe(goOutput(component));
});

const pythonComponents = TOOL_NAMES.map(componentOf).filter((component) => component.kind === 'python');

test.each(pythonComponents)(
  '$recipe: its recipe pins its version, and every file by its hash',
  ({ recipe, version }) => {
    const pins = readFileSync(join(__dirname, '../../../tools/python', recipe, 'requirements.txt'), 'utf8');
    const entries = pins.replace(/^#.*\n/gm, '').split(/\n(?=\S)/);
    expect(entries.some((entry) => entry.startsWith(`${recipe}==${version} `))).toBe(true);
    for (const entry of entries) expect(entry).toMatch(/^[-a-z0-9]+==\S+( \\\n {4}--hash=sha256:[0-9a-f]{64})+\s*$/);
  },
);

test.each(pythonComponents)('$recipe: its cached file is named by version and pins', (component) => {
  const name = `/keyward/tools/${component.recipe}-${component.version}-[0-9a-f]{12}/${component.recipe}$`;
  expect(pythonOutput(component)).toMatch(new RegExp(name));
  expect(pythonOutput({ ...component, entry: 'x:y' })).not.toBe(pythonOutput(component));
});

test('knows its names and no others', () => {
  expect(isToolName('openbao')).toBe(true);
  expect(isToolName('toString')).toBe(false);
});
