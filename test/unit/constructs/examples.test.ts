import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const example = resolve(__dirname, '../../../examples/encrypted-storage.ts');

describe('examples/encrypted-storage.ts', () => {
  test('runs, and declares two classes on two KMSs', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'keyward-example-'));
    process.env.CDK8S_OUTDIR = outdir;
    try {
      require(example);
      const yaml = readFileSync(join(outdir, 'storage.k8s.yaml'), 'utf8');
      expect(yaml.match(/^kind: StorageClass$/gm)).toHaveLength(2);
    } finally {
      delete process.env.CDK8S_OUTDIR;
      rmSync(outdir, { recursive: true });
    }
  });

  test('is a declaration of at most 25 lines', () => {
    expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  });
});
