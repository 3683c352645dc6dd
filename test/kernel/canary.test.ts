/**
 * R11: while the whole demo runs, no key is in an argument, an environment, a file, a log, the JSON result or the HTML report.
 * The needles are the passphrase and every data key that was ever in use, old ones too.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Testing } from 'cdk8s';
import { Collector } from '../../demo/collect';
import { storageDeclaration } from '../../demo/report/declaration';
import { renderReport } from '../../demo/report/render';
import { runDemo } from '../../demo/run-demo';
import { Secret } from '../../runtime/secret';
import { GitopsChart } from '../../stacks/gitops/chart';
import { namespace, storage } from '../../stacks/gitops/values';
import { runtimeBundle } from '../../tools/bundle';
import { Manifests } from '../../tools/local-pod/manifests';
import { findIn, findInFiles, findInProcess, type Needle, needlesOf } from '../harness/secret-scan';
import { ToolShims } from '../harness/tool-shims';

jest.setTimeout(300_000);

const tools = [
  'cryptsetup',
  'dmsetup',
  'losetup',
  'blkid',
  'mkfs.ext4',
  'mount',
  'umount',
  'resize2fs',
  'e2fsck',
  'cp',
];
/** Steps after which all files are searched: each leaves files that a later one changes or removes. */
const fileSteps: readonly string[] = ['write', 'compare', 'kill', 'rotate', 'unstage', 'stop'];

/** All of it is searched: the demo's root is below, and so is what a tool may have left beside it. */
const temporary = realpathSync(tmpdir());
let folder: string;
let root: string;
let shims: ToolShims;
let passphrase: Secret;
const path = process.env.PATH;
beforeAll(() => {
  folder = mkdtempSync(join(temporary, 'kc-'));
  root = join(folder, 'demo');
  mkdirSync(root);
  shims = new ToolShims(folder, tools);
  process.env.PATH = `${shims.folder}:${path}`;
  // Random: a literal would be found in Jest's own cache of this file.
  passphrase = Secret.fromText(randomBytes(32).toString('base64url'));
});
afterAll(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true });
});

test('no key is anywhere but in memory and, wrapped, in the records', async () => {
  const chart = new GitopsChart(new App(), 'keyward', namespace, {
    ...storage,
    driver: { ...storage.driver, logLevel: 'debug' },
  });
  const objects = Testing.synth(chart);
  const collector = new Collector('guest');
  const found: string[] = [];
  let keyCount = 0;
  let needles: readonly Needle[] = needlesOf('passphrase', passphrase);

  const ok = await runDemo({
    manifests: new Manifests(objects, JSON.stringify(objects)),
    root,
    nodeName: hostname(),
    command: [process.execPath, runtimeBundle],
    passphrase,
    onEvent: (event) => {
      collector.add(event);
      found.push(...findIn(JSON.stringify(event), needles));
    },
    onStep: async ({ name, driverPid, keys }) => {
      needles = [
        ...needlesOf('passphrase', passphrase),
        ...keys.flatMap((key, index) => needlesOf(`key ${index}`, key)),
      ];
      keyCount = keys.length;
      found.push(...findInProcess(driverPid, needles), ...findInProcess(process.pid, needles));
      if (!fileSteps.includes(name)) return;
      found.push(...findInFiles(temporary, needles).map((each) => `after ${name}: ${each}`));
      // The control: the search finds what is there.
      if (name === 'rotate') {
        const planted = join(root, 'planted');
        keys[0]?.use((bytes) => writeFileSync(planted, `{"dek":"${bytes.toString('base64')}"}`));
        expect(findInFiles(temporary, needles)).toEqual([`${planted}: key 0 in base64, shifted by 0`]);
        rmSync(planted);
      }
    },
  });
  const result = collector.result();
  expect(result.error).toBeUndefined();
  expect(ok).toBe(true);

  // The volume's first key and two that followed by rotation, and those of snapshot and copies.
  expect(keyCount).toBeGreaterThanOrEqual(5);
  const calls = shims.takeCalls();
  for (const tool of ['cryptsetup', 'losetup', 'mkfs.ext4', 'mount', 'umount', 'blkid'])
    expect(calls.map((call) => call.tool)).toContain(tool);
  expect(calls.some(({ environment }) => environment.includes("LC_ALL='C'"))).toBe(true);
  for (const { tool, args, environment } of calls) {
    found.push(
      ...findIn(`${args.join('\n')}\n${environment}`, needles).map(
        (each) => `arguments or environment of ${tool}: ${each}`,
      ),
    );
  }
  const log = readFileSync(join(root, 'log/keyward.log'), 'utf8');
  expect(log).toContain('"level":"debug"');
  expect(log).toContain('\\"secrets\\":\\"[secret]\\"');
  found.push(...findIn(log, needles).map((each) => `log: ${each}`));
  found.push(...findIn(JSON.stringify(result), needles).map((each) => `JSON: ${each}`));
  found.push(...findIn(renderReport(result, storageDeclaration()), needles).map((each) => `report: ${each}`));
  expect(found).toEqual([]);
});
