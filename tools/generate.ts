/** `npm run generate`: TypeScript from runtime/grpc/proto, into runtime/grpc/gen. Works offline: the npm packages bring both programs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const bin = join(__dirname, '../node_modules/.bin');
execFileSync(join(bin, 'buf'), ['generate'], {
  cwd: join(__dirname, '..'),
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
});
