import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const examples = resolve(__dirname, '../../../examples');
const classes: readonly (readonly [example: string, classes: number])[] = [
  ['encrypted-storage.ts', 2],
  ['rook-ceph.ts', 1],
  ['external-ceph.ts', 1],
];

describe.each(classes)('examples/%s', (example, count) => {
  test('runs, and declares its classes', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'keyward-example-'));
    process.env.CDK8S_OUTDIR = outdir;
    try {
      require(join(examples, example));
      const yaml = readdirSync(outdir).map((name) => readFileSync(join(outdir, name), 'utf8'));
      expect(yaml.join('').match(/^kind: StorageClass$/gm)).toHaveLength(count);
    } finally {
      delete process.env.CDK8S_OUTDIR;
      rmSync(outdir, { recursive: true });
    }
  });

  test('is a declaration of at most 25 lines', () => {
    expect(readFileSync(join(examples, example), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  });
});
