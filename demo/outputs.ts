/** Where the demo puts things: everything below dist/. */
import { join } from 'node:path';
import { runtimeBundle } from '../tools/bundle';

const root = join(__dirname, '..');

export const outputs = {
  repository: root,
  folder: join(root, 'dist/demo'),
  manifests: join(root, 'dist/demo/manifests'),
  runtime: runtimeBundle,
  inner: join(root, 'dist/demo/inner.cjs'),
  driverLog: join(root, 'dist/demo/driver.log'),
  kept: join(root, 'dist/demo/kept'),
  report: join(root, 'dist/demo/report.html'),
} as const;
