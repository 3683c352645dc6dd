import { Testing } from 'cdk8s';
import { EncryptedStorage, type EncryptedStorageProps, type KeywardDriverOptions } from '../../../lib/cdk8s';
import type { KmsProps } from '../../../lib/schema/kms';
import { type Manifest, only, synthesised } from './synthesised';

const address = 'https://vault';
const accounts = { type: 'vaulttenantsa', address, tls: { caFromSecret: 'vault-ca' } } as const;
const tokens = { type: 'vaulttokens', address } as const;

function synth(
  kms: Record<string, KmsProps>,
  tenants?: readonly string[],
  options: Partial<KeywardDriverOptions> = {},
): readonly Manifest[] {
  const chart = Testing.chart();
  const driver = { type: 'keyward', backend: { type: 'loop' }, ...options } as const;
  const props: EncryptedStorageProps<string> = {
    namespace: 'keyward-system',
    driver,
    kms,
    classes: [],
    ...(tenants && { tenants }),
  };
  new EncryptedStorage(chart, 'storage', props);
  return synthesised(chart);
}
const find = (manifests: readonly Manifest[], kind: string, namespace: string | undefined) =>
  manifests.find(
    (it) => it.kind === kind && it.metadata.namespace === namespace && it.metadata.name === 'keyward-csi-tenants',
  );
const podOf = (manifests: readonly Manifest[]) => {
  const { template } = only(manifests, 'DaemonSet').spec as {
    template: { spec: { containers: Record<string, unknown>[]; volumes: { name: string }[] } };
  };
  return template.spec;
};

describe('tenants', () => {
  test('the agent and its roles', () => {
    const manifests = synth({ accounts, tokens }, ['shop', 'billing']);
    const own = manifests.filter(({ metadata }) => metadata.name === 'keyward-csi-tenants');
    const agent = podOf(manifests).containers.find(({ name }) => name === 'tenant-agent');
    expect({ own, agent }).toMatchSnapshot();
  });

  test('trap 5: each role names every object; no list, no watch, no pattern', () => {
    const manifests = synth({ accounts, tokens }, ['shop']);
    const rule = (resource: string, verb: string, ...names: string[]) => ({
      apiGroups: [''],
      resources: [resource],
      verbs: [verb],
      resourceNames: names,
    });
    expect(find(manifests, 'Role', 'shop')?.rules).toEqual([
      rule('secrets', 'get', 'ceph-csi-kms-token', 'vault-ca'),
      rule('configmaps', 'get', 'ceph-csi-kms-config'),
      rule('serviceaccounts/token', 'create', 'ceph-csi-vault-sa'),
    ]);
    expect(find(manifests, 'Role', 'keyward-system')?.rules).toEqual([rule('secrets', 'get', 'vault-ca')]);
    expect(find(manifests, 'ClusterRole', undefined)?.rules).toEqual([rule('namespaces', 'get', 'shop')]);
  });

  test('the driver is told of the agent, and shares its socket only', () => {
    const { containers, volumes } = podOf(synth({ tokens }, ['shop']));
    const [driver, agent] = ['keyward', 'tenant-agent'].map((name) => containers.find((it) => it.name === name));
    expect(driver?.args).toContain('--tenant-agent=unix:///tenant-agent/agent.sock');
    expect(agent?.args).toContain('--endpoint=unix:///tenant-agent/agent.sock');
    const mounts = (container: typeof driver) =>
      ((container?.volumeMounts ?? []) as { name: string }[]).map(({ name }) => name);
    expect(mounts(driver)).not.toContain('api-access');
    expect(mounts(agent)).toEqual(['tenant-agent', 'kms-config', 'api-access']);
    for (const name of mounts(agent)) expect(volumes.map((it) => it.name)).toContain(name);
  });

  test('without a KMS that needs one there is no agent, and naming tenants grants nothing', () => {
    for (const tenants of [undefined, ['shop']]) {
      const manifests = synth({ passphrase: { type: 'metadata' } }, tenants);
      expect(podOf(manifests).containers.map(({ name }) => name)).not.toContain('tenant-agent');
      expect(manifests.some(({ metadata }) => metadata.name === 'keyward-csi-tenants')).toBe(false);
    }
  });

  test('a passphrase of tenants, or of another namespace, is read through the agent by name', () => {
    const ofTenant = synth({ wrapped: { type: 'metadata', secretName: 'phrase' } }, ['shop']);
    expect(find(ofTenant, 'Role', 'shop')?.rules).toMatchObject([
      { resources: ['secrets'], resourceNames: ['phrase'] },
    ]);
    const central = synth({ wrapped: { type: 'metadata', secretName: 'phrase', secretNamespace: 'crypto' } });
    expect(find(central, 'Role', 'crypto')?.rules).toMatchObject([
      { resources: ['secrets'], resourceNames: ['phrase'] },
    ]);
    expect(find(central, 'ClusterRole', undefined)).toBeUndefined();
  });

  test('what the administrator’s map says for a tenant is granted to that tenant only', () => {
    const kms = {
      ...accounts,
      overrides: 'documented',
      tenants: { shop: { tenantSAName: 'own', tenantConfigName: 'mine' } },
    } as const;
    const manifests = synth({ kms }, ['shop', 'billing']);
    const names = (namespace: string) =>
      ((find(manifests, 'Role', namespace)?.rules ?? []) as { resourceNames: string[] }[]).map(
        (it) => it.resourceNames,
      );
    expect(names('shop')).toContainEqual(['own']);
    expect(names('billing')).toContainEqual(['ceph-csi-vault-sa']);
  });

  const accountsOf = (manifests: readonly Manifest[]) =>
    manifests
      .filter(({ kind, metadata }) => kind === 'ServiceAccount' && metadata.namespace !== 'keyward-system')
      .map(({ metadata, automountServiceAccountToken }) => [
        metadata.namespace,
        metadata.name,
        automountServiceAccountToken,
      ]);

  test('R14: each tenant has the ServiceAccount that the driver comes as; no pod is given its token', () => {
    const own = { ...accounts, overrides: 'documented', tenants: { shop: { tenantSAName: 'own' } } } as const;
    expect(accountsOf(synth({ own, tokens }, ['shop', 'billing']))).toEqual([
      ['billing', 'ceph-csi-vault-sa', false],
      ['shop', 'own', false],
    ]);
    expect(accountsOf(synth({ tokens }, ['shop']))).toEqual([]);
  });

  test('two KMSs that come as the same account declare it once', () => {
    expect(accountsOf(synth({ accounts, more: { ...accounts, backendPath: 'more' } }, ['shop']))).toEqual([
      ['shop', 'ceph-csi-vault-sa', false],
    ]);
  });

  test('declares no ServiceAccount that exists already, and grants its tokens all the same', () => {
    const manifests = synth({ accounts }, ['shop'], { tenantAccountsExist: true });
    expect(accountsOf(manifests)).toEqual([]);
    expect(find(manifests, 'Role', 'shop')?.rules).toContainEqual(
      expect.objectContaining({ resources: ['serviceaccounts/token'], resourceNames: ['ceph-csi-vault-sa'] }),
    );
  });

  test.each([
    ['no tenants', undefined, 'tenants: got none; allowed: the namespaces whose claims use this KMS.'],
    ['a pattern', ['*'], 'tenants: got "*"; allowed: names of namespaces.'],
    ['a name that is none', ['Shop'], 'tenants: got "Shop"; allowed: names of namespaces.'],
  ])('trap 5: refuses %s for a KMS that comes as the tenant', (_, tenants, message) => {
    expect(() => synth({ tokens }, tenants)).toThrow(message);
  });
});
