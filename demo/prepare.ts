/** Makes what the inner program needs: the two bundles, and the documents from the typed constructs. */
import { mkdirSync, rmSync } from 'node:fs';
import { App } from 'cdk8s';
import { GitopsChart } from '../stacks/gitops/chart';
import { namespace, storage } from '../stacks/gitops/values';
import { bundle, bundleRuntime } from '../tools/bundle';
import { outputs } from './outputs';

/** The program of stacks/gitops, as `cdk8s synth` runs it, into a folder of the demo's own. */
export function synthesise(): void {
  rmSync(outputs.manifests, { recursive: true, force: true });
  mkdirSync(outputs.manifests, { recursive: true });
  const app = new App({ outdir: outputs.manifests });
  new GitopsChart(app, 'keyward', namespace, storage);
  app.synth();
}

export function bundlePrograms(): void {
  bundleRuntime();
  bundle('demo/inner.ts', outputs.inner);
}
