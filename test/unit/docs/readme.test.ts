import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scripts } from '../../../package.json';
import { codeBlocks, documents, read, root } from './markdown';

const readme = read('README.md');

test('the declaration of the README is the example that the compiler and a test run', () => {
  const example = readFileSync(join(root, 'examples/encrypted-storage.ts'), 'utf8');
  const [declaration = '', ...others] = codeBlocks(readme, 'ts');
  expect(others).toEqual([]);
  expect(declaration.replace("'keyward/cdk8s'", "'../lib/cdk8s'")).toBe(example);
  expect(declaration.trimEnd().split('\n').length).toBeLessThanOrEqual(25);
});

test('the threat model of the README has ten lines', () => {
  const section = /^## Threat model in ten lines$([\s\S]*?)^\[/m.exec(readme)?.[1] ?? '';
  expect(section.match(/^\d+\. /gm)).toHaveLength(10);
});

test('the line that keeps an accidental dependency out is the one that keyward itself uses', () => {
  const { overrides } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { overrides: unknown };
  expect(codeBlocks(readme, 'json').map((block) => JSON.parse(block))).toContainEqual({ overrides });
});

describe.each(documents())('%s', (path) => {
  const text = read(path);

  test('names only scripts that package.json has', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name]) => name);
    expect(named.filter((name) => name !== undefined && !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('holds JSON that is JSON', () => {
    for (const block of codeBlocks(text, 'json')) expect(() => JSON.parse(block)).not.toThrow();
  });
});
