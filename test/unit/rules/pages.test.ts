import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { checkRules } from '../../../lib/rules/check-rules';
import { rules } from '../../../lib/rules/rules';
import { rulePages } from '../../../tools/rule-pages';
import { codeBlocks, read, root, tableRows } from '../docs/markdown';

const pages = rulePages();

test('every rule has its page, and there is no other', () => {
  expect(readdirSync(join(root, 'docs/rules')).sort()).toEqual([...pages.keys()].sort());
});

test.each([...pages])('docs/rules/%s is as the rules have it: npx tsx tools/rule-docs.ts', (name, text) => {
  expect(read(`docs/rules/${name}`)).toBe(text);
});

test('the table names every rule with its severity', () => {
  const rows = tableRows(read('docs/rules/README.md'), 'rule');
  expect(rows).toEqual(rules.map(({ id, severity, title }) => [`[${id}](${id}.md)`, severity, title]));
});

test.each(rules.filter(({ id }) => !['KW10', 'KW14'].includes(id)).map(({ id }) => id))(
  'what the page of %s shows as wrong and right is so',
  (id) => {
    const [, wrong = '', right = ''] = read(`docs/rules/${id}.md`).split(/^## (?:Wrong|Right)$/m);
    const found = (part: string) => {
      const documents = codeBlocks(part, 'yaml').flatMap((block) =>
        parseAllDocuments(block).map((document): unknown => document.toJS()),
      );
      const isState = (value: unknown) => typeof value === 'object' && value !== null && 'namespaces' in value;
      const vault = documents.find(isState);
      const objects = documents.filter((each) => !isState(each));
      return checkRules({ objects, ...(vault !== undefined && { vault }) }).map(({ rule }) => rule);
    };
    expect(found(wrong)).toContain(id);
    expect(found(right)).toEqual([]);
  },
);
