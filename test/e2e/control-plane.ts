/**
 * The host side of the cluster in a box as a control-plane node: its files are below a folder of the box, the plugin is a program of
 * its own instead of a static Pod, and the API server takes the flags that kubeadm would give it.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import type { NodeFile } from '../../lib/cdk8s';
import { bundle } from '../../tools/bundle';
import type { ClusterBox } from '../harness/cluster-box';

/** Directory of the plugin on a node. */
export const pluginDirectory = '/etc/keyward/kms-plugin';

/** What a program declares for control-plane nodes. */
export interface NodeDeclaration {
  readonly files: readonly Pick<NodeFile, 'path' | 'text'>[];
  /** The part of a ClusterConfiguration, as text. */
  readonly settings: string;
}

/** What is put beside the files by hand, by name. */
export type PluginCredentials = Readonly<Record<'role-id' | 'secret-id', string>> & { readonly 'ca.pem'?: string };

const plugin = 'kms-plugin';
const manifests = '/etc/kubernetes/manifests/';
const secrets = '/api/v1/secrets';

export class ControlPlane {
  readonly #cluster: ClusterBox;
  readonly #root: string;
  #apiServerArgs: readonly string[] = [];

  constructor(cluster: ClusterBox) {
    this.#cluster = cluster;
    this.#root = cluster.makeFolder('control-plane');
  }

  /** Starts the plugin, and the API server anew: it encrypts what is written from now on. */
  async encrypt({ files, settings }: NodeDeclaration, credentials: PluginCredentials): Promise<void> {
    const executable = join(this.#root, 'keyward.cjs');
    bundle('runtime/bin/keyward.ts', executable);
    this.#place(files);
    this.#place(Object.entries(credentials).map(([name, text]) => ({ path: `${pluginDirectory}/${name}`, text })));
    const manifest = files.find(({ path }) => path.startsWith(manifests));
    const { args } = parse(this.#moved(manifest?.text ?? '')).spec.containers[0];
    await this.#cluster.startProgram({ name: plugin, command: process.execPath, args: [executable, ...args] });
    const { extraArgs } = parse(this.#moved(settings)).apiServer;
    this.#apiServerArgs = extraArgs.map(({ name, value }: Record<string, string>) => `--${name}=${value}`);
    await this.#cluster.restartApiServer(this.#apiServerArgs);
  }

  /** Takes the files of a later step, and has the API server write every Secret again. */
  async change({ files }: NodeDeclaration): Promise<void> {
    this.#place(files);
    // It would read the file again by itself, some time within a minute.
    await this.#cluster.restartApiServer(this.#apiServerArgs);
    await this.rewriteSecrets();
  }

  /** Starts the API server without encryption, and ends the plugin: to be done when nothing that is stored needs it. */
  async leaveOff(): Promise<void> {
    await this.#cluster.restartApiServer([]);
    await this.#cluster.halt(plugin);
  }

  /** What `kubectl get secrets -A -o json | kubectl replace -f -` does. */
  async rewriteSecrets(): Promise<void> {
    const { api } = this.#cluster;
    const { body } = await api.expectOk('GET', secrets);
    for (const { metadata, ...secret } of body.items) {
      const { namespace, name } = metadata;
      await api.expectOk('PUT', `/api/v1/namespaces/${namespace}/secrets/${name}`, { metadata, ...secret });
    }
  }

  #place(files: NodeDeclaration['files']): void {
    for (const { path, text } of files) {
      mkdirSync(dirname(`${this.#root}${path}`), { recursive: true });
      writeFileSync(`${this.#root}${path}`, path.endsWith('.yaml') ? this.#moved(text) : text, { mode: 0o600 });
    }
  }

  /** A path of a control-plane node is one below a folder here: also in the texts. */
  #moved(text: string): string {
    return text.replace(/(^|[\s:/=])(\/(?:etc|var\/run)\/)/gm, `$1${this.#root}$2`);
  }
}

/** Whether the files of etcd have a text: log and database. */
export function etcdHolds(cluster: ClusterBox, text: string): boolean {
  const folder = join(cluster.status.folder, 'etcd');
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  return paths.some((path) => statSync(path).isFile() && readFileSync(path).includes(text));
}

/** What an administrator of OpenBao draws for the plugin's role of AppRole. */
export async function drawCredentials({ openBao }: ClusterBox, role: string): Promise<PluginCredentials> {
  const roleId = await openBao.expectOk('GET', `${role}/role-id`);
  const secretId = await openBao.expectOk('POST', `${role}/secret-id`);
  return {
    'role-id': roleId.body.data.role_id,
    'secret-id': secretId.body.data.secret_id,
    'ca.pem': openBao.caPem,
  };
}
