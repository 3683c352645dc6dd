// `cdk8s synth` for real, in a project that is not ours: the CLI loads the built package as its page tells, and checks charts
// that know nothing of keyward.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { exec } from '../../tools/exec';

const root = resolve(__dirname, '../..');
const minutes = 60_000;
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };

/** A chart with one class of ceph-csi. */
function program(encrypted: string, more = ''): string {
  return `
const { ApiObject, App, Chart } = require('cdk8s');
const app = new App();
const chart = new Chart(app, 'storage');
const secret = (operation) => ({
  ['csi.storage.k8s.io/' + operation + '-secret-name']: 'csi-rbd',
  ['csi.storage.k8s.io/' + operation + '-secret-namespace']: 'ceph-csi',
});
new ApiObject(chart, 'class', {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'encrypted' },
  provisioner: 'rbd.csi.ceph.com',
  parameters: {
    encrypted: ${JSON.stringify(encrypted)},
    encryptionKMSID: 'vault-eu',
    ...secret('provisioner'),
    ...secret('node-stage'),
  },
});
${more}
app.synth();
`;
}

const validations = [
  { package: 'keyward', version, class: 'KeywardValidation', properties: { clusterVersion: '1.34' } },
];

describe('cdk8s synth with the rules', () => {
  let folder: string;
  /** Where the CLI keeps its plugins: it finds the package there and installs nothing. */
  let plugin: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-rules-cdk8s-'));
    const modules = join(folder, 'plugins/keyward', version, 'node_modules');
    plugin = join(modules, 'keyward');
    mkdirSync(plugin, { recursive: true });
    cpSync(join(root, 'package.json'), join(plugin, 'package.json'));
    // The types are checked elsewhere.
    const flags = [
      '-p',
      'tsconfig.lib.json',
      '--noCheck',
      '--declaration',
      'false',
      '--outDir',
      join(plugin, 'dist/lib'),
    ];
    const { exitCode, output } = await exec(process.execPath, [require.resolve('typescript/bin/tsc'), ...flags], {
      cwd: root,
    });
    if (exitCode !== 0) throw new Error(output);
    symlinkSync(join(root, 'node_modules/zod'), join(modules, 'zod'));
  }, 5 * minutes);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function synth(name: string, text: string, more: object = { validations }) {
    const project = join(folder, name);
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    for (const library of ['cdk8s', 'cdk8s-plus-27', 'constructs', 'zod'])
      symlinkSync(join(root, 'node_modules', library), join(project, 'node_modules', library));
    symlinkSync(plugin, join(project, 'node_modules/keyward'));
    writeFileSync(join(project, 'main.js'), text);
    // YAML holds JSON.
    const config = { language: 'typescript', app: `${process.execPath} --preserve-symlinks main.js`, ...more };
    writeFileSync(join(project, 'cdk8s.yaml'), JSON.stringify(config));
    const cli = join(root, 'node_modules/cdk8s-cli/bin/cdk8s');
    const flags = ['synth', '--check-upgrade=false', '--plugins-dir', join(folder, 'plugins')];
    const { exitCode, output } = await exec(process.execPath, [cli, ...flags], { cwd: project });
    return { isOk: exitCode === 0, output, hasManifests: existsSync(join(project, 'dist/storage.k8s.yaml')) };
  }

  test(
    'a good chart passes',
    async () => {
      const { output, ...found } = await synth('good', program('true'));
      expect([found, output]).toEqual([
        { isOk: true, hasManifests: true },
        expect.stringContaining('Validations finished'),
      ]);
    },
    2 * minutes,
  );

  test(
    'refuses a chart with a mistake, by the id of the rule, with its object and its construct (trap 1)',
    async () => {
      const { isOk, output } = await synth('bad', program('yes'));
      expect(isOk).toBe(false);
      expect(output).toContain('KW01');
      expect(output).toContain('StorageClass encrypted');
      expect(output).toContain('storage/class');
    },
    2 * minutes,
  );

  test(
    'refuses a property that the plugin does not know',
    async () => {
      const [known] = validations;
      const misspelt = { validations: [{ ...known, properties: { clusterVersoin: '1.34' } }] };
      const { isOk, output } = await synth('misspelt', program('true'), misspelt);
      expect([isOk, output]).toEqual([false, expect.stringContaining('clusterVersoin')]);
    },
    2 * minutes,
  );

  test(
    'refuses before anything is written, where the chart checks itself',
    async () => {
      const own = "require('keyward/cdk8s').validateWithRules(chart);";
      const { output, ...found } = await synth('own', program('yes', own), {});
      expect([found, output]).toEqual([{ isOk: false, hasManifests: false }, expect.stringContaining('KW01')]);
    },
    2 * minutes,
  );
});
