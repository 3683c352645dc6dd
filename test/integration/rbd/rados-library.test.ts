/** How the bundle finds what calls librados: beside it, as in the image, and only when it is wanted. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { bundle } from '../../../tools/bundle';
import { describeWith } from '../../harness/describe-with';

const root = resolve(__dirname, '../../..');
const execute = promisify(execFile);

jest.setTimeout(120_000);

describeWith(['ceph'], 'librados in the bundle', () => {
  let folder: string;
  /** Prints what loading ends with, from a program that reaches the bundle by a link, as the image does. */
  const load = async () => {
    const program = `require('./link').loadRados().then((rados) => typeof rados.rados_connect, ({ code }) => code).then(console.log)`;
    const { stdout } = await execute(process.execPath, ['-e', program], { cwd: folder, env: { PATH: '' } });
    return stdout.trim();
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-library-'));
    mkdirSync(join(folder, 'lib'));
    bundle('runtime/device/rbd/rados/library.ts', join(folder, 'lib/library.cjs'));
    symlinkSync('lib/library.cjs', join(folder, 'link'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('refuses with TOOL_MISSING where koffi is not installed', async () => {
    expect(await load()).toBe('TOOL_MISSING');
  });

  test('is loaded where koffi is beside the bundle', async () => {
    mkdirSync(join(folder, 'lib/node_modules'));
    for (const name of ['koffi', '@koromix']) {
      symlinkSync(join(root, 'node_modules', name), join(folder, 'lib/node_modules', name));
    }
    expect(await load()).toBe('function');
  });
});
