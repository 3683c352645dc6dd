// `pulumi preview --policy-pack` for real: the CLI starts stacks/policy and shows it every resource of the stack.
//
// Whoever has installed Pulumi gives the folder, and the language host starts what is in it. The host that the Go module proxy
// serves is older than that request, so here the CLI is given an executable that starts the same program.
import { chmodSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { PULUMI_TOOLS, PulumiProject } from '../harness/pulumi';

const minutes = 60_000;
const root = resolve(__dirname, '../..');
const policyPack = `#!/bin/sh
cd ${root} && exec ${process.execPath} --import tsx stacks/policy/main.ts "$@"
`;

/** A stack by hand: a class on ceph-csi, its KMS, and what the KMS needs at the Vault. */
function program({ encrypted = 'true', role = 'ceph-csi', accounts = ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'] }) {
  const section = {
    encryptionKMSType: 'vault',
    vaultAddress: 'https://vault.example.com:8200',
    vaultAuthPath: '/v1/auth/kubernetes/login',
    vaultRole: role,
    vaultBackend: 'kv-v2',
    vaultBackendPath: 'storage',
    vaultPassphrasePath: 'csi/',
  };
  return `
import { core, storage } from '@pulumi/kubernetes';
import { AuthBackend, kubernetes, Mount, Policy } from '@pulumi/vault';

const metadata = { name: 'csi-kms-connection-details', namespace: 'default' };
new core.v1.ConfigMap('kms', { metadata, data: { 'vault-eu': ${JSON.stringify(JSON.stringify(section))} } });
const secret = (operation: string) => ({
  ['csi.storage.k8s.io/' + operation + '-secret-name']: 'csi-rbd',
  ['csi.storage.k8s.io/' + operation + '-secret-namespace']: 'default',
});
new storage.v1.StorageClass('encrypted', {
  metadata: { name: 'encrypted' },
  provisioner: 'rbd.csi.ceph.com',
  parameters: {
    clusterID: 'ceph',
    pool: 'rbd',
    encrypted: ${JSON.stringify(encrypted)},
    encryptionKMSID: 'vault-eu',
    ...secret('provisioner'),
    ...secret('node-stage'),
  },
});
const mount = new Mount('storage', { path: 'storage', type: 'kv', options: { version: '2' } });
const policy = new Policy('ceph-csi', {
  name: 'ceph-csi',
  policy: 'path "storage/data/csi/*" { capabilities = ["create", "read", "update"] }',
}, { dependsOn: mount });
const method = new AuthBackend('kubernetes', { type: 'kubernetes', path: 'kubernetes' });
new kubernetes.AuthBackendRole('ceph-csi', {
  backend: method.path,
  roleName: 'ceph-csi',
  boundServiceAccountNames: ${JSON.stringify(accounts)},
  boundServiceAccountNamespaces: ['default'],
  tokenPolicies: [policy.name],
  tokenTtl: 600,
  tokenType: 'batch',
});
`;
}

describeWith([...PULUMI_TOOLS, 'openbao', 'etcd', 'kube-apiserver', 'openssl'], 'rules in pulumi preview', () => {
  let kubernetes: Kubernetes;
  let openBao: OpenBao;

  beforeAll(async () => {
    [kubernetes, openBao] = await Promise.all([startKubernetes(), startOpenBao()]);
  }, 5 * minutes);
  afterAll(async () => {
    await kubernetes?.stop();
    await openBao?.stop();
  });

  async function preview(values: Parameters<typeof program>[0]) {
    const yaml = 'name: rules\nmain: main.ts\nruntime: nodejs\n';
    const files = { 'main.ts': program(values), 'policy/keyward': policyPack };
    using project = new PulumiProject({ kubernetes, openBao, yaml, files });
    chmodSync(join(project.folder, 'policy/keyward'), 0o755);
    await project.init();
    const { exitCode, output } = await project.run('preview', '--policy-pack', 'policy/keyward');
    return { isOk: exitCode === 0, rules: [...new Set(output.match(/\bKW\d\d(?= \w+)/g) ?? [])], output };
  }

  test(
    'a stack that is right passes, with its Vault',
    async () => {
      const { output, ...found } = await preview({});
      expect([found, output]).toEqual([{ isOk: true, rules: [] }, expect.stringMatching(/Policies:\s+✅ keyward/)]);
    },
    10 * minutes,
  );

  test.each([
    ['KW01', 'a class whose encryption is no boolean', { encrypted: 'yes' }],
    ['KW04', 'a role that the Vault of the stack knows by a near name', { role: 'cephcsi' }],
    ['KW05', 'a role without the accounts of the nodes', { accounts: ['rbd-csi-provisioner'] }],
  ])(
    'refuses with %s %s (R3)',
    async (rule, _, values) => {
      const { output, ...found } = await preview(values);
      expect([found, output]).toEqual([{ isOk: false, rules: [rule] }, expect.stringContaining(rule)]);
    },
    10 * minutes,
  );
});
