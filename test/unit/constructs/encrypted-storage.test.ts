import { Chart, Size, Testing } from 'cdk8s';
import { EncryptedStorage, type EncryptedStorageProps } from '../../../lib/cdk8s';
import { only, synthesised } from './synthesised';

type Props = EncryptedStorageProps<'passphrase' | 'vault'>;
const props: Props = {
  namespace: 'keyward-system',
  driver: { type: 'keyward', backend: { type: 'loop' } },
  kms: {
    passphrase: { type: 'metadata' },
    vault: { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } },
  },
  classes: [
    { name: 'encrypted', kms: 'passphrase', secrets: { name: 'phrase' } },
    { name: 'encrypted-vault', kms: 'vault' },
  ],
};

function synth(change: Partial<Props> = {}) {
  const chart = Testing.chart();
  new EncryptedStorage(chart, 'storage', { ...props, ...change });
  return synthesised(chart);
}

describe('the Vault of an EncryptedStorage', () => {
  const vaultStateOf = (change: Partial<Props>) =>
    new EncryptedStorage(Testing.chart(), 'storage', { ...props, ...change }).vaultState;

  test('R3: mount, role and policy follow from the KMS, the bound account from the driver', () => {
    const driver = { ...props.driver, name: 'mine', vaultAudience: 'vault' };
    const state = vaultStateOf({ driver, vaultState: {} });
    expect(state?.namespaces['']?.mounts).toEqual({ secret: { type: 'kv', version: 2 } });
    const method = state?.namespaces['']?.auth?.kubernetes;
    expect(method?.type === 'kubernetes' && method.roles?.keyward).toMatchObject({
      boundServiceAccountNames: ['mine'],
      boundServiceAccountNamespaces: ['keyward-system'],
      audience: 'vault',
      tokenPolicies: ['keyward-vault'],
    });
    expect(vaultStateOf({})).toBeUndefined();
  });

  test('a Job applies it where one is asked for, at the address of the KMS', () => {
    const manifests = synth({ vaultState: { job: { login: { method: 'token', secret: { name: 'vault-admin' } } } } });
    const { spec } = only(manifests, 'Job') as unknown as {
      spec: { template: { spec: { containers: { args: string[] }[] } } };
    };
    expect(spec.template.spec.containers[0]?.args).toContain('--address=https://vault');
    expect(synth({ vaultState: {} }).some(({ kind }) => kind === 'Job')).toBe(false);
  });

  test('takes in the states of other consumers of the Vault, and refuses one of another owner', () => {
    const other = (owner: string) =>
      ({ owner, namespaces: { '': { mounts: { etcd: { type: 'transit', keys: {} } } } } }) as const;
    const state = vaultStateOf({ vaultState: { others: [other('keyward')] } });
    expect(Object.keys(state?.namespaces['']?.mounts ?? {})).toEqual(['etcd', 'secret']);
    expect(() => vaultStateOf({ vaultState: { others: [other('platform')] } })).toThrow('owner');
  });

  test('R4, trap 6: where each token reviews itself, every account that logs in may; else none is bound', () => {
    const kms = {
      passphrase: { type: 'vaulttenantsa', address: 'https://vault', tenantPrefix: true, tenantSAName: 'keys' },
      vault: { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } },
    } as const;
    const login = {
      kubernetesHost: 'https://api',
      kubernetesCaCert: 'PEM',
      reviewer: { mode: 'client-token' },
    } as const;
    const change = { kms, tenants: ['shop', 'billing'], classes: [{ name: 'a', kms: 'vault' }] } as const;
    const bound = (vaultState: NonNullable<Props['vaultState']>) =>
      synth({ ...change, vaultState })
        .filter(({ kind, metadata }) => kind === 'ClusterRoleBinding' && metadata.name.endsWith('-token-reviewer'))
        .map(({ metadata, roleRef, subjects }) => ({ metadata, roleRef, subjects }));
    const account = (namespace: string, name: string) => ({ kind: 'ServiceAccount', name, namespace });
    expect(bound({ login, owner: 'platform' })).toEqual([
      {
        metadata: { name: 'platform-token-reviewer' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
        subjects: [account('billing', 'keys'), account('keyward-system', 'keyward-csi'), account('shop', 'keys')],
      },
    ]);
    expect(bound({})).toEqual([]);
  });

  test('refuses a Job where no KMS is at a Vault', () => {
    const kms = { passphrase: { type: 'metadata' } } as unknown as Props['kms'];
    const classes = props.classes.slice(0, 1);
    expect(() =>
      synth({ kms, classes, vaultState: { job: { login: { method: 'kubernetes', role: 'boot' } } } }),
    ).toThrow('at no Vault');
  });
});

describe('EncryptedStorage', () => {
  test('the whole manifest', () => {
    expect(synth({ driver: { ...props.driver, snapshots: true } })).toMatchSnapshot();
  });

  test('R3: driver, ConfigMap and classes agree, whatever the names', () => {
    const manifests = synth({ driver: { ...props.driver, driverName: 'csi.example.org', name: 'mine' } });
    expect(only(manifests, 'CSIDriver').metadata.name).toBe('csi.example.org');
    expect(only(manifests, 'StorageClass', 'encrypted').provisioner).toBe('csi.example.org');
    expect(JSON.stringify(only(manifests, 'DaemonSet').spec)).toContain('"name":"mine-kms"');
    expect(only(manifests, 'ConfigMap', 'mine-kms').metadata.namespace).toBe('keyward-system');
  });

  test('trap 2: the Secret of a class is looked for in the namespace of the driver, and may be read there by name only', () => {
    const manifests = synth();
    expect(only(manifests, 'StorageClass', 'encrypted').parameters).toMatchObject({
      'csi.storage.k8s.io/node-stage-secret-namespace': 'keyward-system',
    });
    expect(only(manifests, 'Role', 'keyward-csi-secrets').rules).toEqual([
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: ['phrase'] },
    ]);
  });

  test('a templated Secret opens all Secrets, since its name is known only per claim', () => {
    const secrets = { name: 'key', namespace: `\${pvc.namespace}` };
    const manifests = synth({ classes: [{ name: 'encrypted', kms: 'passphrase', secrets }] });
    expect(only(manifests, 'ClusterRole').rules).toContainEqual({
      apiGroups: [''],
      resources: ['secrets'],
      verbs: ['get'],
    });
  });

  test('snapshots get a class with the same Secret', () => {
    const manifests = synth({ driver: { ...props.driver, snapshots: true } });
    expect(only(manifests, 'VolumeSnapshotClass', 'encrypted')).toMatchObject({
      driver: 'csi.keyward.io',
      deletionPolicy: 'Delete',
      parameters: {
        'csi.storage.k8s.io/snapshotter-secret-name': 'phrase',
        'csi.storage.k8s.io/snapshotter-secret-namespace': 'keyward-system',
      },
    });
    expect(synth().some(({ kind }) => kind === 'VolumeSnapshotClass')).toBe(false);
  });

  test('takes the namespace of the chart, and refuses to do without one', () => {
    const { namespace: _, ...rest } = props;
    const chart = new Chart(Testing.app(), 'test', { namespace: 'of-the-chart' });
    expect(new EncryptedStorage(chart, 'storage', rest).driver.namespace).toBe('of-the-chart');
    expect(() => new EncryptedStorage(Testing.chart(), 'storage', rest)).toThrow('test/storage.namespace: got nothing');
  });

  test('R3: a misspelt KMS in a class does not compile', () => {
    const make = () =>
      new EncryptedStorage(Testing.chart(), 'storage', {
        ...props,
        // @ts-expect-error valt is no KMS of this storage
        classes: [{ name: 'encrypted', kms: 'valt' }],
      });
    expect(make).toThrow('test/storage/Class-encrypted.kms: got "valt"; allowed: passphrase, vault.');
  });

  test('R18: a misspelt prop does not compile', () => {
    const make = () =>
      new EncryptedStorage(Testing.chart(), 'storage', {
        ...props,
        kms: {
          // @ts-expect-error adress is not a setting
          vault: { type: 'vault', adress: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } },
          passphrase: { type: 'metadata' },
        },
      });
    expect(make).toThrow('adress is not a known key');
  });

  test('trap 12: refuses key derivations that do not fit into the memory limit', () => {
    const luks = { pbkdf: 'argon2id', pbkdfMemoryKiB: 1_048_576 } as const;
    const classes: Props['classes'] = [{ name: 'slow', kms: 'vault', luks }];
    expect(() => synth({ classes })).toThrow(
      'class slow: luks.pbkdfMemoryKiB: got 1048576 KiB, 2 at once; allowed: what fits into a memory limit of 384 MiB.',
    );
    expect(() => synth({ classes, driver: { ...props.driver, memoryLimit: Size.gibibytes(3) } })).not.toThrow();
  });
});
