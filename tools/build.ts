/** `npm run build`: the runtime as one file, dist/keyward.cjs, and the library with its types in dist/lib. */
import { execFileSync } from 'node:child_process';
import { bundleRuntime } from './bundle';

bundleRuntime();
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.lib.json'], {
  stdio: 'inherit',
});
