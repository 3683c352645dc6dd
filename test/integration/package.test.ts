// The package as a user gets it: packed, installed in a fresh project, compiled under strict TypeScript, run.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { exec } from '../../tools/exec';

const root = resolve(__dirname, '../..');
const minutes = 60_000;
const { devDependencies, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};
/** Libraries that the runtime bundles. */
const ofTheRuntime = ['@bufbuild/protobuf', 'commander', 'pino', 'prom-client'];

const cdk8sProgram = `
import { App, Chart, Size } from 'cdk8s';
import { EncryptedStorage } from 'keyward/cdk8s';
const app = new App();
new EncryptedStorage(new Chart(app, 'storage', { namespace: 'keyward-system' }), 'Storage', {
  driver: { type: 'keyward', backend: { type: 'loop', capacity: Size.gibibytes(10) } },
  kms: { passphrase: { type: 'metadata' } },
  classes: [{ name: 'encrypted', kms: 'passphrase', secrets: { name: 'phrase' } }],
});
console.log(app.synthYaml());
`;

const pulumiProgram = `
import { runtime } from '@pulumi/pulumi';
import type { EncryptedStorageArgs } from 'keyward/pulumi';
const made: string[] = [];
const args: EncryptedStorageArgs<'vault'> = {
  namespace: 'keyward-system',
  driver: { type: 'keyward', backend: { type: 'loop' } },
  kms: {
    vault: {
      type: 'vault',
      address: 'https://vault.vault.svc:8200',
      backendPath: 'keyward',
      auth: { method: 'kubernetes', role: 'keyward' },
    },
  },
  classes: [{ name: 'encrypted', kms: 'vault' }],
  vaultState: {},
};
async function preview(): Promise<void> {
  await runtime.setMocks({
    call: () => ({}),
    newResource: ({ type, name, inputs }) => {
      made.push(type);
      return { id: name, state: inputs };
    },
  });
  const { EncryptedStorage } = await import('keyward/pulumi');
  new EncryptedStorage('storage', args);
  await runtime.disconnect();
  console.log(made.join('\\n'));
}
void preview();
`;

describe('the package', () => {
  let folder: string;
  let tarball: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-package-'));
    // `npm pack` builds the package first.
    await run('npm', ['pack', '--pack-destination', folder], root);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
    tarball = join(folder, `keyward-${version}.tgz`);
  }, 20 * minutes);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ['only cdk8s', ['cdk8s', 'cdk8s-plus-27', 'constructs'], cdk8sProgram, ['kind: StorageClass', 'kind: DaemonSet']],
    [
      'only Pulumi',
      ['@pulumi/pulumi', '@pulumi/kubernetes', '@pulumi/vault'],
      pulumiProgram,
      ['kubernetes:storage.k8s.io/v1:StorageClass', 'vault:index/mount:Mount'],
    ],
  ] as const)(
    'beside %s: compiles strictly, runs, and brings no library of the runtime',
    async (name, beside, program, expected) => {
      const project = join(folder, name.replace(' ', '-'));
      mkdirSync(project);
      const compilerOptions = { strict: true, module: 'node16', target: 'es2022', outDir: 'out', types: ['node'] };
      write(project, 'package.json', { name: 'fresh', private: true });
      write(project, 'tsconfig.json', { compilerOptions, files: ['main.ts'] });
      writeFileSync(join(project, 'main.ts'), program);
      const versions = [...beside, 'typescript', '@types/node'].map((it) => `${it}@${devDependencies[it]}`);
      await run('npm', ['install', '--no-audit', '--no-fund', tarball, ...versions], project);
      await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], project);
      const output = await run(process.execPath, ['out/main.js'], project);
      for (const text of expected) expect(output).toContain(text);

      const installed = JSON.parse(readFileSync(join(project, 'node_modules/keyward/package.json'), 'utf8'));
      expect(installed.dependencies).toEqual(dependencies);
      const brought = ofTheRuntime.filter((library) => existsSync(join(project, 'node_modules', library)));
      expect(brought).toEqual([]);
    },
    20 * minutes,
  );
});

function write(folder: string, name: string, value: object): void {
  writeFileSync(join(folder, name), JSON.stringify(value));
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { exitCode, output } = await exec(command, args, { cwd });
  if (exitCode === 0) return output;
  throw new Error(`${command} ${args.join(' ')} ended with ${exitCode}:\n${output}`);
}
