/**
 * Secrets of the cluster in a box encrypted by our plugin on its OpenBao, all of it from one declaration: the state of OpenBao, the
 * plugin's arguments and files, the EncryptionConfiguration and the flags of the API server. Boots no node.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { App, Chart } from 'cdk8s';
import { parse } from 'yaml';
import { ApiServerEncryption } from '../../lib/cdk8s';
import { bundle } from '../../tools/bundle';
import { bootLimitMs, boxComponents, ClusterBox } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';

jest.setTimeout(bootLimitMs);
const run = promisify(execFile);
const credentials = '/etc/keyward/kms-plugin';

describeWithGuest(boxComponents, 'the API server of the cluster in a box', () => {
  let cluster: ClusterBox;
  let root: string;
  let executable: string;
  beforeAll(async () => {
    cluster = await ClusterBox.start({ nodes: 0 });
    root = cluster.makeFolder('control-plane');
    executable = join(root, 'keyward.cjs');
    bundle('runtime/bin/keyward.ts', executable);
  });
  afterAll(() => cluster?.stop());

  const declare = () =>
    new ApiServerEncryption(new Chart(new App(), 'nodes'), 'encryption', {
      distribution: 'kubeadm',
      kubernetesVersion: '1.34',
      vault: { address: cluster.openBao.addressInside, caFile: `${credentials}/ca.pem` },
      auth: {
        method: 'approle',
        roleIdFile: `${credentials}/role-id`,
        secretIdFile: `${credentials}/secret-id`,
      },
      phase: 'encrypt',
    });

  /** A path of a control-plane node is one below a folder here: also in the texts. */
  const moved = (text: string) => text.replace(/(^|[\s:/=])(\/(?:etc|var\/run)\/)/gm, `$1${root}$2`);
  const place = (path: string, text: string) => {
    mkdirSync(dirname(`${root}${path}`), { recursive: true });
    writeFileSync(`${root}${path}`, text, { mode: 0o600 });
  };

  const createSecret = (name: string, value: string) =>
    cluster.api.expectOk('POST', '/api/v1/namespaces/default/secrets', { metadata: { name }, stringData: { value } });
  const readSecret = async (name: string) => {
    const { body } = await cluster.api.expectOk('GET', `/api/v1/namespaces/default/secrets/${name}`);
    return Buffer.from(body.data.value, 'base64').toString();
  };
  /** Whether the files of etcd have a text: log and database. */
  const etcdHolds = (text: string) => {
    const folder = join(cluster.status.folder, 'etcd');
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
    return paths.some((path) => statSync(path).isFile() && readFileSync(path).includes(text));
  };

  test('R3, R10: what one declaration emits encrypts Secrets, and etcd has no plain text of them', async () => {
    await createSecret('before', 'canary of plain text');
    // So it would be found.
    expect(etcdHolds('canary of plain text')).toBe(true);

    const encryption = declare();
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

    await createSecret('after', 'canary of ciphertext');
    expect(await readSecret('after')).toBe('canary of ciphertext');
    expect(etcdHolds('k8s:enc:kms:v2:keyward:')).toBe(true);
    expect(etcdHolds('canary of ciphertext')).toBe(false);
    expect(await readSecret('before')).toBe('canary of plain text');
  });

  test('R10: the API server and its plugin survive an outage of OpenBao', async () => {
    await cluster.halt('openbao');
    expect(await readSecret('after')).toBe('canary of ciphertext');
    await cluster.resume('openbao');
    await createSecret('later', 'canary of a later day');
    expect(await readSecret('later')).toBe('canary of a later day');
    expect(etcdHolds('canary of a later day')).toBe(false);
  });

  test('R10: both come back after a restart with OpenBao as it was', async () => {
    await cluster.halt('kube-apiserver');
    await cluster.halt('kms-plugin');
    await cluster.restartOpenBao();
    await cluster.resume('kms-plugin');
    await cluster.resume('kube-apiserver');
    expect(await readSecret('after')).toBe('canary of ciphertext');
  });
});
