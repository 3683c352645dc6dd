import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kmsFeatureColumns, kmsFeatures, kmsTypeNames, kmsTypes } from '../../../lib/schema/kms';

test('a type keeps keys where its family says', () => {
  for (const [type, { family }] of Object.entries(kmsTypes)) {
    expect([type, kmsFeatures[type as keyof typeof kmsTypes].keeps]).toEqual([
      type,
      family === 'stores' ? 'kms' : 'metadata',
    ]);
  }
});

test('docs/kms.md shows this very table, and every note', () => {
  const page = readFileSync(join(__dirname, '../../../docs/kms.md'), 'utf8');
  for (const type of kmsTypeNames) {
    const cells = kmsFeatureColumns.map(([, read]) => read(type));
    expect(page).toContain(`| \`${cells[0]}\` | ${cells.slice(1).join(' | ')} |`);
    expect(page).toContain(kmsFeatures[type].note);
  }
  expect(page).toContain(`| ${kmsFeatureColumns.map(([title]) => title).join(' | ')} |`);
});
