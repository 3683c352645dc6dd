/** What of docs/try-it.md needs no cluster; test/e2e/try-it.test.ts types all of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sectionsOf } from '../../harness/typed-page';
import { codeBlocks, read, root } from './markdown';

const page = read('docs/try-it.md');

test('its declaration is the example that the compiler and a test run', () => {
  const example = readFileSync(join(root, 'examples/try-it.ts'), 'utf8');
  expect(codeBlocks(page, 'ts').map((block) => block.replace("'keyward/cdk8s'", "'../lib/cdk8s'"))).toEqual([example]);
});

test('it begins with the packages, which is the one command that its test leaves out, and ends without a cluster', () => {
  const steps = sectionsOf(page).flatMap((section) => section.steps);
  expect(steps.map(({ commands }) => commands).filter((commands) => commands.includes('npm ci'))).toEqual(['npm ci\n']);
  expect(steps[0]?.commands).toBe('npm ci\n');
  expect(steps.at(-1)?.commands).toBe('cluster down\n');
});

test('it shows what comes of nearly every command', () => {
  const steps = sectionsOf(page).flatMap((section) => section.steps);
  expect(steps.filter(({ output }) => output === undefined).length).toBeLessThanOrEqual(2);
});
