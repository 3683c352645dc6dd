import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Testing } from 'cdk8s';
import { decodeKmsConfig } from '../../../lib/schema/kms';
import { GitopsChart } from '../../../stacks/gitops/chart';
import { namespace, storage } from '../../../stacks/gitops/values';
import { only, synthesised } from '../constructs/synthesised';

function synthesisedText(): string {
  const outdir = mkdtempSync(join(tmpdir(), 'keyward-gitops-'));
  try {
    const app = new App({ outdir });
    new GitopsChart(app, 'keyward', namespace, storage);
    app.synth();
    return readFileSync(join(outdir, 'keyward.k8s.yaml'), 'utf8');
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

describe('stacks/gitops', () => {
  const manifests = synthesised(new GitopsChart(Testing.app(), 'keyward', namespace, storage));

  test('gives the same bytes each time', () => {
    expect(synthesisedText()).toBe(synthesisedText());
  });

  test('has a namespace where privileged pods may run, two KMSs and two classes', () => {
    expect(only(manifests, 'Namespace').metadata).toEqual({
      name: 'keyward-system',
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
    });
    const data = only(manifests, 'ConfigMap', 'keyward-csi-kms').data as Record<string, string>;
    expect([...decodeKmsConfig(data['config.json'] ?? '').keys()]).toEqual(['passphrase', 'vault']);
    expect(manifests.filter(({ kind }) => kind === 'StorageClass').map(({ metadata }) => metadata.name)).toEqual([
      'encrypted',
      'encrypted-vault',
    ]);
  });

  test('R11: has no Secret and no value of one', () => {
    expect(manifests.some(({ kind }) => kind === 'Secret')).toBe(false);
    expect(JSON.stringify(manifests)).not.toMatch(/stringData|hvs\.|BEGIN [A-Z ]*PRIVATE KEY/);
  });
});
