/**
 * Encryption of the API server of the cluster in a box by our plugin on its OpenBao, all of it from one declaration: the state of
 * OpenBao, the plugin's arguments and files, the EncryptionConfiguration and the flags of the API server.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { App, Chart } from 'cdk8s';
import { parse } from 'yaml';
import { ApiServerEncryption } from '../../lib/cdk8s';
import { bundle } from '../../tools/bundle';
import type { ClusterBox } from '../harness/cluster-box';

const run = promisify(execFile);
const credentials = '/etc/keyward/kms-plugin';

/** Makes OpenBao ready, starts the plugin, and starts the API server anew: it encrypts what is written from now on. */
export async function encryptSecrets(cluster: ClusterBox): Promise<void> {
  const root = cluster.makeFolder('control-plane');
  const executable = join(root, 'keyward.cjs');
  bundle('runtime/bin/keyward.ts', executable);
  /** A path of a control-plane node is one below a folder here: also in the texts. */
  const moved = (text: string) => text.replace(/(^|[\s:/=])(\/(?:etc|var\/run)\/)/gm, `$1${root}$2`);
  const place = (path: string, text: string) => {
    mkdirSync(dirname(`${root}${path}`), { recursive: true });
    writeFileSync(`${root}${path}`, text, { mode: 0o600 });
  };

  const encryption = declare(cluster);
  const state = join(root, 'state.json');
  const token = join(root, 'token');
  writeFileSync(state, JSON.stringify(encryption.vaultState({ owner: 'box' })));
  writeFileSync(token, cluster.openBao.rootToken, { mode: 0o600 });
  await run(process.execPath, [
    ...[executable, 'vault', 'apply', `--state=${state}`, `--address=${cluster.openBao.address}`],
    ...[`--ca-cert=${cluster.caFile}`, '--tls-server-name=vault.vault.svc'],
    ...['--auth-method=token', `--token-file=${token}`],
  ]);
  const { body } = await cluster.openBao.expectOk('LIST', 'auth/approle/role');
  const role = `auth/approle/role/${body.data.keys[0]}`;
  const roleId = await cluster.openBao.expectOk('GET', `${role}/role-id`);
  const secretId = await cluster.openBao.expectOk('POST', `${role}/secret-id`);
  for (const { path, text } of encryption.files) place(path, moved(text));
  place(`${credentials}/ca.pem`, cluster.openBao.caPem);
  place(`${credentials}/role-id`, roleId.body.data.role_id);
  place(`${credentials}/secret-id`, secretId.body.data.secret_id);

  const manifest = encryption.files.find(({ path }) => path.startsWith('/etc/kubernetes/manifests/'));
  const { args } = parse(moved(manifest?.text ?? '')).spec.containers[0];
  await cluster.startProgram({ name: 'kms-plugin', command: process.execPath, args: [executable, ...args] });
  const { extraArgs } = parse(moved(encryption.settings.text)).apiServer;
  await cluster.restartApiServer(extraArgs.map(({ name, value }: Record<string, string>) => `--${name}=${value}`));
}

/** Whether the files of etcd have a text: log and database. */
export function etcdHolds(cluster: ClusterBox, text: string): boolean {
  const folder = join(cluster.status.folder, 'etcd');
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  return paths.some((path) => statSync(path).isFile() && readFileSync(path).includes(text));
}

function declare({ openBao }: ClusterBox): ApiServerEncryption {
  return new ApiServerEncryption(new Chart(new App(), 'nodes'), 'encryption', {
    distribution: 'kubeadm',
    kubernetesVersion: '1.34',
    vault: { address: openBao.addressInside, caFile: `${credentials}/ca.pem` },
    auth: {
      method: 'approle',
      roleIdFile: `${credentials}/role-id`,
      secretIdFile: `${credentials}/secret-id`,
    },
    phase: 'encrypt',
  });
}
