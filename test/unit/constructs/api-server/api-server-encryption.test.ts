import { Testing } from 'cdk8s';
import { parse, parseAllDocuments } from 'yaml';
import { ApiServerEncryption } from '../../../../lib/constructs/api-server/api-server-encryption';
import type { ApiServerEncryptionProps } from '../../../../lib/constructs/api-server/api-server-encryption-props';
import type { Distribution } from '../../../../lib/constructs/api-server/distribution';
import { decodeEncryptionConfiguration } from '../../../../lib/schema/encryption-configuration';
import { settleKmsPluginConfig } from '../../../../lib/schema/kms-plugin';
import { only, synthesised } from '../synthesised';

const identity = { identity: {} } as const;
const directories = {
  kubeadm: '/etc/keyward/kms-plugin',
  rke2: '/etc/keyward/kms-plugin',
  k3s: '/etc/keyward/kms-plugin',
  talos: '/var/lib/keyward/kms-plugin',
} satisfies Record<Distribution, string>;
const distributions = Object.keys(directories) as Distribution[];

type Given = Partial<ApiServerEncryptionProps>;
function make(distribution: Distribution, given: Given = {}) {
  const chart = Testing.chart();
  const props = {
    distribution,
    kubernetesVersion: '1.34.4',
    vault: { address: 'https://vault.example.com:8200', caFile: `${directories[distribution]}/ca.pem` },
    auth: { method: 'approle', roleId: 'role', secretIdFile: `${directories[distribution]}/secret-id` },
    ...(distribution === 'talos' && { talosVersion: '1.14.2' }),
    ...((distribution === 'talos' || distribution === 'rke2') && { previous: [identity] }),
    phase: 'encrypt',
    ...given,
  } as ApiServerEncryptionProps;
  const encryption = new ApiServerEncryption(chart, 'encryption', props);
  return { encryption, objects: synthesised(chart) };
}
const text = ({ encryption }: ReturnType<typeof make>, name: string) =>
  encryption.files.find(({ path }) => path.endsWith(name))?.text ?? '';

describe('ApiServerEncryption', () => {
  test.each(distributions)('%s: files and settings', (distribution) => {
    const { files, settings } = make(distribution).encryption;
    expect({ files, settings: { path: settings.path, text: settings.text } }).toMatchSnapshot();
  });

  test.each(distributions)(
    'R3, %s: plugin, EncryptionConfiguration and API server speak of one socket',
    (distribution) => {
      const { encryption } = make(distribution);
      const endpoint = encryption.configuration.resources[0]?.providers[0]?.kms?.endpoint;
      expect(encryption.pluginConfig.socket.endpoint).toBe(endpoint);
      expect(endpoint).toBe(`unix://${encryption.access.socketDirectory}/kms-plugin.sock`);
      // The API server of k3s is a process of the node.
      if (distribution !== 'k3s') expect(encryption.settings.text).toContain(encryption.access.socketDirectory);
    },
  );

  test('R3: what is written reads back as what was declared', () => {
    const made = make('kubeadm');
    expect(decodeEncryptionConfiguration(parse(text(made, 'encryption-configuration.yaml')))).toEqual(
      made.encryption.configuration,
    );
    expect(settleKmsPluginConfig(parse(text(made, 'kms-plugin-config.yaml')))).toEqual(made.encryption.pluginConfig);
    for (const distribution of distributions) {
      const { settings } = make(distribution).encryption;
      const documents = parseAllDocuments(settings.text).map((each) => each.toJS());
      expect(documents).toEqual(JSON.parse(JSON.stringify([settings.document].flat())));
    }
  });

  test('R3: the state of the Vault has the mount, the key and the role that the plugin uses', () => {
    const transit = { mount: 'etcd', key: 'cluster-a' };
    const { encryption } = make('kubeadm', { transit });
    const { namespaces } = encryption.vaultState({ owner: 'cluster-a' });
    expect(namespaces['']?.mounts?.etcd).toMatchObject({ type: 'transit', keys: { 'cluster-a': {} } });
    expect(namespaces['']?.auth?.approle).toMatchObject({ type: 'approle' });
    const paths = Object.values(namespaces['']?.policies ?? {}).flatMap(({ rules }) => rules.map(({ path }) => path));
    expect(paths).toEqual(expect.arrayContaining(['etcd/encrypt/cluster-a', 'etcd/decrypt/cluster-a']));
  });

  test('trap 11: refuses a state of the Vault whose secret id would live otherwise than declared', () => {
    const { encryption } = make('kubeadm', { secretIdTtlSeconds: 3600, secretIdIsRotated: true });
    expect(() => encryption.vaultState({ owner: 'cluster-a' })).toThrow('(R3, trap 11)');
  });

  test('serves the versions that its socket is asked for: both while v1 is left', () => {
    const endpoint = 'unix:///var/run/kmsplugin/kms-plugin.sock';
    const previous = [{ kms: { apiVersion: 'v1', name: 'vault', endpoint } }] as const;
    const { encryption } = make('kubeadm', { previous });
    expect(encryption.pluginConfig.api).toEqual({ v1: true, v2: true });
    expect(encryption.settings.text).toContain('KMSv1=true');
    expect(make('kubeadm').encryption.pluginConfig.api).toEqual({ v1: false, v2: true });
  });

  test.each([
    ['1.27', 'v2', undefined],
    ['v1.34.2+rke2r1', 'v2', undefined],
    ['1.28', 'v1', undefined],
    ['1.29', 'v1', 'KMSv1=true,Other=false'],
  ] as const)('trap 13: Kubernetes %s with KMS %s has the feature gates %s', (kubernetesVersion, kmsVersion, gates) => {
    const featureGates = gates ? { Other: false } : {};
    const { settings } = make('rke2', { kubernetesVersion, kmsVersion, featureGates }).encryption;
    const args = settings.distribution === 'rke2' ? settings.document['kube-apiserver-arg'] : [];
    expect(args.filter((arg) => arg.startsWith('feature-gates='))).toEqual(gates ? [`feature-gates=${gates}`] : []);
  });

  test('kubeadm before 1.31 has its arguments as a map', () => {
    const { document } = make('kubeadm', { kubernetesVersion: '1.30' }).encryption.settings;
    expect(document).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta3',
      apiServer: {
        extraArgs: { 'encryption-provider-config': '/etc/kubernetes/encryption/encryption-configuration.yaml' },
      },
    });
  });

  test('a cluster that does not know the flag is not told to read the file again', () => {
    const { settings } = make('k3s', { kubernetesVersion: '1.25', kmsVersion: 'v1' }).encryption;
    expect(settings.text).not.toContain('automatic-reload');
  });

  test('delivers the files in one object, none of them a secret', () => {
    const { encryption, objects } = make('kubeadm', { delivery: { kind: 'ConfigMap', metadata: { name: 'kms' } } });
    const map = only(objects, 'ConfigMap', 'kms');
    expect(Object.keys(map.data as object)).toEqual(encryption.files.map(({ path }) => path.split('/').at(-1)).sort());
    expect(objects).toHaveLength(1);
    expect(make('kubeadm').objects).toEqual([]);
  });

  test.each<[string, string, Distribution, Given]>([
    ['trap 13', 'KMS v2 with Kubernetes 1.26', 'kubeadm', { kubernetesVersion: '1.26' }],
    ['trap 9, trap 13', 'a Talos that has no document for it', 'talos', { talosVersion: '1.13.8' }],
    [
      'trap 13',
      'vault-kubernetes-kms on k3s',
      'k3s',
      {
        implementation: 'vault-kubernetes-kms',
        image: 'x',
        auth: { method: 'cert', bundleFile: '/etc/keyward/kms-plugin/node.pem' },
      },
    ],
    ['trap 13', 'Kubernetes auth', 'kubeadm', { auth: { method: 'kubernetes', role: 'kms' } }],
    ['trap 11', 'a secret id that ends', 'k3s', { secretIdTtlSeconds: 60 }],
    ['trap 8', 'plain http', 'k3s', { vault: { address: 'http://vault.example.com' } }],
    ['R10', 'a time-out below that of the plugin', 'rke2', { timeout: '2s500ms' }],
  ])('%s: refuses %s', (rule, _, distribution, given) => {
    expect(() => make(distribution, given)).toThrow(`(${rule})`);
  });

  test('refuses to deliver files that there are none of', () => {
    expect(() => make('talos', { delivery: {} })).toThrow('encryption.delivery');
  });

  test.each(['rke2', 'talos'] as const)(
    'trap 14, %s: refuses to forget the key that it encrypts with of itself',
    (distribution) => {
      const previous = undefined as unknown as [];
      expect(() => make(distribution, { previous })).toThrow('(trap 14)');
    },
  );

  describe('trap 14: compared with the document in force', () => {
    const other = { kms: { apiVersion: 'v2', name: 'old', endpoint: 'unix:///run/old/kms.sock' } } as const;
    const inForce = make('kubeadm', { previous: [other, identity], phase: 'introduce' }).encryption.configuration;
    const enforce = (...from: string[]) =>
      ({ phase: 'enforce', migration: { completedOn: '2026-11-23', from } }) as const;

    test.each<[string, Given]>([
      ['the next step', { previous: [other, identity], phase: 'encrypt' }],
      ['a recorded migration', { previous: [other, identity], ...enforce('old', 'identity') }],
    ])('takes %s', (_, given) => {
      expect(make('kubeadm', { inForce, ...given }).encryption.configuration.resources).toHaveLength(1);
    });

    test.each<[string, Given]>([
      ['a provider that is left out', { previous: [identity], phase: 'encrypt' }],
      ['identity that is left out', { previous: [other], phase: 'encrypt' }],
      ['another name of the same provider', { previous: [other, identity], phase: 'encrypt', providerName: 'renamed' }],
      ['a migration of something else', { previous: [identity], ...enforce('identity') }],
      ['a resource that is left out', { previous: [other, identity], phase: 'encrypt', resources: ['configmaps'] }],
    ])('refuses %s', (_, given) => {
      expect(() => make('kubeadm', { inForce, ...given })).toThrow('(trap 14)');
    });
  });

  test('trap 14: a step without its migration does not compile', () => {
    const base = { distribution: 'kubeadm', kubernetesVersion: '1.34', vault: { address: 'https://v' } } as const;
    // @ts-expect-error enforce needs a migration
    const props: ApiServerEncryptionProps = { ...base, auth: { method: 'approle', roleId: 'r' }, phase: 'enforce' };
    expect(() => new ApiServerEncryption(Testing.chart(), 'encryption', props)).toThrow();
  });
});
