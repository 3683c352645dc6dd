import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { read, root, tableRows } from './markdown';

const sources = readdirSync(join(root, 'runtime/volume')).map((file) => read(`runtime/volume/${file}`));
const rows = tableRows(read('docs/design.md'), 'operation');

function named(pattern: RegExp): string[] {
  return [...new Set(sources.flatMap((text) => [...text.matchAll(pattern)].map(([, name]) => name ?? '')))].sort();
}

test('docs/design.md names the steps that the operations have, and no others', () => {
  const documented = rows.flatMap(([, steps = '']) => steps.replaceAll('`', '').split(', '));
  expect([...new Set(documented)].sort()).toEqual(named(/\bstep\('([a-z-]+)'/g));
});

test('docs/design.md names operations that there are', () => {
  const known = named(/\boperation: '([a-z-]+)'/g);
  expect(rows.map(([operation]) => operation).filter((name) => name === undefined || !known.includes(name))).toEqual(
    [],
  );
});
