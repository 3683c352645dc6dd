import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { anchors, documents, localLinks, read, root } from './markdown';

describe.each(documents())('%s', (path) => {
  const text = read(path);

  test('links only to what is there', () => {
    const targets = localLinks(text).map(([target, anchor]) => [inRepository(path, target), anchor] as const);
    expect(targets.filter(([target]) => !existsSync(join(root, target)))).toEqual([]);
    expect(targets.filter(([target, anchor]) => anchor !== '' && !anchors(read(target)).includes(anchor))).toEqual([]);
  });

  test('names only files of the repository that are there', () => {
    const named = [...text.matchAll(/`((?:lib|runtime|stacks|tools|test|bench|demo|examples|docs)\/[\w./-]+)`/g)];
    expect(named.flatMap(([, name]) => (name === undefined || existsSync(join(root, name)) ? [] : name))).toEqual([]);
  });
});

function inRepository(from: string, target: string): string {
  return target === '' ? from : normalize(join(dirname(from), target));
}

test('every decision has its parts, and its number is the one of its file', () => {
  const decisions = documents().filter((path) => path.startsWith('docs/decisions/'));
  expect(decisions.length).toBeGreaterThan(0);
  decisions.forEach((path, index) => {
    const text = read(path);
    expect(path).toMatch(new RegExp(`/${String(index + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
    expect(text).toMatch(new RegExp(`^# ${index + 1}\\. `));
    for (const part of ['Context', 'Decision', 'Alternatives that lost', 'Consequences'])
      expect(text).toContain(`\n**${part}.** `);
  });
});
