/** Encryption of the API server of the cluster in a box by our plugin on its OpenBao, declared by the construct alone. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App } from 'cdk8s';
import { type ApiServerProps, declareApiServer } from '../../stacks/gitops/nodes';
import { bundle } from '../../tools/bundle';
import type { ClusterBox } from '../harness/cluster-box';
import { ControlPlane, drawCredentials, pluginDirectory } from './control-plane';

const run = promisify(execFile);

/** Makes OpenBao ready, starts the plugin, and starts the API server anew: it encrypts what is written from now on. */
export async function encryptSecrets(cluster: ClusterBox): Promise<void> {
  const encryption = declareApiServer(new App(), apiServerOf(cluster));
  const folder = cluster.makeFolder('vault-state');
  const [executable, state, token] = ['keyward.cjs', 'state.json', 'token'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  bundle('runtime/bin/keyward.ts', executable);
  writeFileSync(state, JSON.stringify(encryption.vaultState({ owner: 'box' })));
  writeFileSync(token, cluster.openBao.rootToken, { mode: 0o600 });
  await run(process.execPath, [
    ...[executable, 'vault', 'apply', `--state=${state}`, `--address=${cluster.openBao.address}`],
    ...[`--ca-cert=${cluster.caFile}`, '--tls-server-name=vault.vault.svc'],
    ...['--auth-method=token', `--token-file=${token}`],
  ]);
  const { files, settings } = encryption;
  const credentials = await drawCredentials(cluster, 'auth/approle/role/kms');
  await new ControlPlane(cluster).encrypt({ files, settings: settings.text }, credentials);
}

/** How the API server of a box is encrypted: nodes do not resolve names of Services, so its OpenBao has an address here. */
export function apiServerOf({ openBao }: ClusterBox): ApiServerProps {
  return {
    distribution: 'kubeadm',
    kubernetesVersion: '1.34',
    vault: { address: openBao.addressInside, caFile: `${pluginDirectory}/ca.pem` },
    auth: {
      method: 'approle',
      roleIdFile: `${pluginDirectory}/role-id`,
      secretIdFile: `${pluginDirectory}/secret-id`,
    },
    phase: 'encrypt',
  };
}
