/**
 * A Pulumi project in a folder of its own, run by the real CLI with state and plugins on this machine only. Its Kubernetes
 * provider is the stand-in beside this file, its Vault provider the one built from tools/go.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { ToolName } from '../../tools/components';
import { requireTool } from '../../tools/ensure';
import { type ExecResult, exec } from '../../tools/exec';
import type { Kubernetes } from './kubernetes';
import type { OpenBao } from './openbao';

/** What a test that runs Pulumi needs to have been prepared. */
export const PULUMI_TOOLS = [
  'pulumi',
  'pulumi-language-nodejs',
  'pulumi-resource-vault',
] as const satisfies readonly ToolName[];

export interface PulumiProjectOptions {
  readonly kubernetes: Pick<Kubernetes, 'url' | 'caPem' | 'adminToken'>;
  readonly openBao: Pick<OpenBao, 'address' | 'caPem' | 'rootToken'>;
  /** Text of `Pulumi.yaml`. @default the repository's */
  readonly yaml?: string;
  /** Further files of the project, by path. */
  readonly files?: Readonly<Record<string, string>>;
}

const root = resolve(__dirname, '../..');
const standIn = join(__dirname, 'pulumi-kubernetes-standin');
const keywardHost = join(__dirname, 'pulumi-keyward-host');
const languageHost = join(__dirname, 'pulumi-language-host');
const passphrase = 'passphrase-of-the-test';

export class PulumiProject {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** The stack `test` has yet to be made. */
  constructor({ kubernetes, openBao, yaml, files = {} }: PulumiProjectOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'keyward-pulumi-'));
    for (const name of ['state', 'home']) mkdirSync(join(this.folder, name));
    for (const name of ['node_modules', 'lib', 'stacks', 'package.json', 'tsconfig.json'])
      symlinkSync(join(root, name), join(this.folder, name));
    writeFileSync(join(this.folder, 'Pulumi.yaml'), yaml ?? projectOfTheRepository());
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
    writeFileSync(join(this.folder, 'kubeconfig'), kubeconfig(kubernetes), { mode: 0o600 });
    if (openBao.caPem !== undefined) writeFileSync(join(this.folder, 'vault-ca.crt'), openBao.caPem);
    this.#env = {
      PATH: [languageHost, standIn, keywardHost, dirname(requireTool('pulumi-resource-vault')), process.env.PATH].join(
        delimiter,
      ),
      KEYWARD_LANGUAGE_HOST: requireTool('pulumi-language-nodejs'),
      HOME: join(this.folder, 'home'),
      PULUMI_HOME: join(this.folder, 'home'),
      PULUMI_BACKEND_URL: `file://${join(this.folder, 'state')}`,
      PULUMI_CONFIG_PASSPHRASE: passphrase,
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
      KUBECONFIG: join(this.folder, 'kubeconfig'),
      VAULT_ADDR: openBao.address,
      VAULT_TOKEN: openBao.rootToken,
      ...(openBao.caPem !== undefined && { VAULT_CACERT: join(this.folder, 'vault-ca.crt') }),
    };
  }

  /** Any exit code is an answer. */
  run(...args: readonly string[]): Promise<ExecResult> {
    const flags = ['--non-interactive', '--color=never'];
    return exec(requireTool('pulumi'), [...flags, ...args], { cwd: this.folder, env: this.#env });
  }

  /** As `run`, but an exit code other than 0 is an error that shows the output. */
  async expectOk(...args: readonly string[]): Promise<ExecResult> {
    const result = await this.run(...args);
    if (result.exitCode === 0) return result;
    throw new Error(`pulumi ${args.join(' ')} ended with ${result.exitCode}:\n${result.output}`);
  }

  /** Makes the stack `test` and sets its configuration. */
  async init(config: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.expectOk('stack', 'init', 'test');
    for (const [key, value] of Object.entries(config)) await this.expectOk('config', 'set', key, '--', value);
  }

  /** The state as `pulumi stack export` gives it, as text. */
  async exported(): Promise<string> {
    const file = join(this.folder, 'exported.json');
    await this.expectOk('stack', 'export', '--file', file);
    return readFileSync(file, 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One resource of an exported state. */
export interface ExportedResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly protect?: boolean;
}

/** The resources of an exported state. */
export function resourcesOf(exported: string): readonly ExportedResource[] {
  return JSON.parse(exported).deployment.resources ?? [];
}

/** Its configuration is not written beside that of the repository's stacks. */
function projectOfTheRepository(): string {
  return readFileSync(join(root, 'Pulumi.yaml'), 'utf8').replace(/^stackConfigDir:.*\n/m, '');
}

function kubeconfig({ url, caPem, adminToken }: PulumiProjectOptions['kubernetes']): string {
  const ca = Buffer.from(caPem).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': ca } }],
    users: [{ name: 'admin', user: { token: adminToken } }],
  });
}
