import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Config, isSecret, runtime } from '@pulumi/pulumi';
import { parse } from 'yaml';
import platform from '../../../stacks/platform/main';
import { readValues } from '../../../stacks/platform/values';
import { kubernetesObjects, onlyOf, recorded } from './recorded';

interface Project {
  readonly main: string;
  readonly config: Readonly<Record<string, { readonly default: unknown; readonly description: string }>>;
}

const root = resolve(__dirname, '../../..');
const project = parse(readFileSync(join(root, 'Pulumi.yaml'), 'utf8')) as Project;
const keys = Object.keys(project.config).filter((key) => !key.includes(':'));

/** The configuration as the Pulumi CLI hands it over: defaults of the project, then the stack's own. */
function configure(change: Readonly<Record<string, string>> = {}) {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const defaults = keys.map((key) => [`keyward:${key}`, text(project.config[key]?.default)]);
  const own = Object.entries(change).map(([key, value]) => [`keyward:${key}`, value]);
  runtime.setAllConfig(Object.fromEntries([...defaults, ...own]));
}

describe('stacks/platform', () => {
  afterEach(() => jest.restoreAllMocks());

  test('the defaults of Pulumi.yaml make the namespace, then the storage in it', async () => {
    configure();
    const recording = await recorded(platform);
    const namespace = onlyOf(recording, 'kubernetes:core/v1:Namespace');
    expect(namespace.inputs.metadata).toEqual({
      name: 'keyward-system',
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
    });
    const classes = kubernetesObjects(recording).filter(({ type }) => type.endsWith(':StorageClass'));
    expect(classes.map(({ name }) => name)).toEqual([
      'storage/StorageClass/encrypted',
      'storage/StorageClass/encrypted-vault',
    ]);
    const daemonSet = onlyOf(recording, 'kubernetes:apps/v1:DaemonSet');
    expect(daemonSet.dependencies).toContain(`urn:pulumi:test::keyward::${namespace.type}::${namespace.name}`);
    expect(daemonSet.protect).toBe(false);
  });

  test('R3, R14: tenants get a class of their own, and a private CA of Vault reaches both KMSs', async () => {
    configure({ tenants: '["billing", "shop"]', vaultCaCert: 'a certificate' });
    const recording = await recorded(platform);
    const tenantClass = onlyOf(recording, 'kubernetes:storage.k8s.io/v1:StorageClass', '/encrypted-tenant');
    expect(tenantClass.inputs.parameters).toMatchObject({ encryptionKMSID: 'tenants' });
    const { name } = onlyOf(recording, 'kubernetes:core/v1:Secret');
    expect(name).toBe('vault-ca');
    const configMap = onlyOf(recording, 'kubernetes:core/v1:ConfigMap', '/keyward-csi-kms');
    const data = configMap.inputs.data as Readonly<Record<string, string>>;
    const { tenants, vault } = JSON.parse(data['config.json'] ?? '');
    expect(tenants.vaultCAFromSecret).toBe(name);
    expect(vault.vaultCAFile).toBe('/etc/keyward/secrets/keyward-system/vault-ca/cert');
    const daemonSet = onlyOf(recording, 'kubernetes:apps/v1:DaemonSet');
    expect(daemonSet.dependencies.some((urn) => urn.endsWith('::vault-ca'))).toBe(true);
  });

  test('every key of Pulumi.yaml is described and read', () => {
    configure();
    const require = jest.spyOn(Config.prototype, 'require');
    const others = [
      jest.spyOn(Config.prototype, 'requireBoolean'),
      jest.spyOn(Config.prototype, 'requireNumber'),
      jest.spyOn(Config.prototype, 'requireObject'),
    ];
    readValues(new Config('keyward'));
    const read = [require, ...others].flatMap(({ mock }) => mock.calls.map(([key]) => key));
    expect([...new Set(read)].sort()).toEqual([...keys].sort());
    expect(keys.every((key) => project.config[key]?.description)).toBe(true);
  });

  test('a stack for production protects everything', async () => {
    configure({ protect: 'true', reclaimPolicy: 'Retain' });
    const recording = await recorded(platform);
    expect(kubernetesObjects(recording).every(({ protect }) => protect)).toBe(true);
    expect(onlyOf(recording, 'kubernetes:storage.k8s.io/v1:StorageClass', '/encrypted').inputs.reclaimPolicy).toBe(
      'Retain',
    );
  });

  const apiServer = { distribution: 'kubeadm', kubernetesVersion: '1.34', phase: 'encrypt' };
  const outside = { vaultAddress: 'https://vault.example.com:8200', vaultBackendPath: 'prod/disks' };
  const encrypting = (change: object = {}, own: Readonly<Record<string, string>> = {}) =>
    configure({ ...outside, apiServer: JSON.stringify({ ...apiServer, ...change }), ...own });

  test('R3: the API server is encrypted by the same program where it is asked for, with files and ids as outputs', async () => {
    configure(outside);
    expect((await recorded(platform)).registrations.some(({ type }) => type.endsWith(':ApiServerKms'))).toBe(false);
    encrypting({}, { vaultCaCert: 'a certificate' });
    const found: ReturnType<typeof platform>[] = [];
    const recording = await recorded(() => found.push(platform()));
    const [outputs] = found;
    if (outputs?.nodeFiles === undefined) throw new Error('the stack has no output nodeFiles');
    const { nodeFiles, apiServerSettings, roleId, secretId } = outputs;
    expect(nodeFiles[0]).toEqual({ path: '/etc/keyward/kms-plugin/ca.pem', mode: '0644', text: 'a certificate' });
    const plugin = parse(nodeFiles[1]?.text ?? '');
    expect(plugin.vault).toMatchObject({ address: outside.vaultAddress, caFile: nodeFiles[0]?.path });
    expect(apiServerSettings.text).toContain('encryption-provider-config');
    expect(await Promise.all([roleId, secretId].map((id) => id !== undefined && isSecret(id)))).toEqual([true, true]);
    // Names of its own at a Vault that other clusters use, too.
    expect(plugin).toMatchObject({ transit: { mount: 'prod-disks-etcd' }, auth: { mount: 'prod-disks-etcd' } });
    expect(onlyOf(recording, 'vault:appRole/authBackendRole:AuthBackendRole').inputs).toMatchObject({
      roleName: 'prod-disks-etcd',
      tokenPolicies: ['prod-disks-etcd'],
    });
  });

  test('key and login of etcd are kept whatever `protect` says, until deletion is allowed', async () => {
    const kept = async () => {
      const recording = await recorded(platform);
      const atVault = recording.registrations.filter(({ type, name }) => /^vault:/.test(type) && /^etcd\//.test(name));
      expect(atVault.map(({ type }) => type.split(':').at(-1))).toEqual(
        expect.arrayContaining(['AuthBackendRole', 'AuthBackendRoleSecretId', 'Mount', 'Policy', 'SecretBackendKey']),
      );
      const { inputs } = onlyOf(recording, 'vault:transit/secretBackendKey:SecretBackendKey');
      return [[...new Set(atVault.map(({ protect }) => protect))], inputs.deletionAllowed];
    };
    encrypting();
    expect(await kept()).toEqual([[true], false]);
    encrypting({ deletionAllowed: true });
    expect(await kept()).toEqual([[false], true]);
    encrypting({ deletionAllowed: true }, { protect: 'true' });
    expect(await kept()).toEqual([[true], true]);
  });

  test('with a Vault that somebody else keeps, or Talos, which has nothing but its settings', async () => {
    const pem = { vaultCaCert: 'a certificate' };
    encrypting(
      { distribution: 'talos', talosVersion: '1.14', previous: [{ identity: {} }] },
      { ...pem, manageVault: 'false' },
    );
    const found: ReturnType<typeof platform>[] = [];
    const { registrations } = await recorded(() => found.push(platform()));
    expect(registrations.filter(({ type }) => type.startsWith('vault:'))).toEqual([]);
    const [outputs] = found;
    expect(outputs?.nodeFiles?.map(({ path }) => path)).toEqual(['/var/lib/keyward/kms-plugin/ca.pem']);
    expect([outputs?.roleId, outputs?.secretId]).toEqual([undefined, undefined]);
  });

  test('trap 13, trap 14: refuses an API server that could not start, or lose what it has, and what it does not know', async () => {
    const refusal = (change: object, own?: Readonly<Record<string, string>>) => {
      encrypting(change, own);
      return expect(recorded(platform, { preview: true })).rejects;
    };
    await refusal({}, { vaultAddress: 'https://vault.vault.svc:8200' }).toThrow('trap 13');
    await refusal({ distribution: 'rke2' }).toThrow('trap 14');
    await refusal({ phase: 'enforce' }).toThrow('apiServer.migration');
    await refusal({ phase: 'on' }).toThrow('apiServer.phase');
    await refusal({ deletionAlowed: true }).toThrow('deletionAlowed');
    await refusal({ kubernetesVersion: 1.3 }).toThrow('apiServer.kubernetesVersion');
  });

  test('refuses a wrong value, at preview', async () => {
    configure({ reclaimPolicy: 'Keep' });
    await expect(recorded(platform, { preview: true })).rejects.toThrow(
      /'keyward:reclaimPolicy'.*'Keep'.*Delete.*Retain/,
    );
    configure({ vaultAddress: 'vault' });
    await expect(recorded(platform, { preview: true })).rejects.toThrow(
      'KMS vault\n  - address does not start with http:// or https://',
    );
  });
});

describe('examples/encrypted-storage-pulumi.ts', () => {
  const example = join(root, 'examples/encrypted-storage-pulumi.ts');

  test('runs, and declares two classes, protected', async () => {
    const recording = await recorded(() => require(example));
    const classes = kubernetesObjects(recording).filter(({ type }) => type.endsWith(':StorageClass'));
    expect(classes.map(({ protect }) => protect)).toEqual([true, true]);
  });

  test('is a declaration of at most 25 lines', () => {
    expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  });
});
