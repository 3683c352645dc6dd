/** `npx tsx tools/rule-docs.ts`: writes docs/rules from the rules. A test compares them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rulePages } from './rule-pages';

const folder = join(__dirname, '../docs/rules');
mkdirSync(folder, { recursive: true });
for (const [name, text] of rulePages()) writeFileSync(join(folder, name), text);
