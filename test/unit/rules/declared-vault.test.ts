/** What a stack or a set of manifests itself declares at a Vault is held against what uses it. */
import * as fc from 'fast-check';
import { checkRules } from '../../../lib/rules/check-rules';
import { cephClass, kmsConfig, vaultSection } from '../../../lib/rules/examples/parts';
import { cephCsiVaultState } from '../../../lib/vault';
import { vaultConfigOperatorManifests } from '../../../lib/vault/config-operator';
import { analyzeStack, resourceOf } from './ways';

type Fields = Parameters<typeof resourceOf>[0];
type Properties = Readonly<Record<string, unknown>>;

/** What the engine sends for a text that only the update will know. */
const unknownText = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

const role = {
  backend: 'kubernetes',
  roleName: 'ceph-csi',
  boundServiceAccountNames: ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'],
  boundServiceAccountNamespaces: ['ceph-csi'],
  tokenPolicies: ['ceph-csi'],
  tokenTtl: 600,
  tokenType: 'batch',
};
const parts: Readonly<Record<string, Properties>> = {
  'vault:index/mount:Mount': { path: 'storage', type: 'kv', options: { version: '2' } },
  'vault:index/policy:Policy': {
    name: 'ceph-csi',
    policy: 'path "storage/data/*" { capabilities = ["create", "read", "update"] }',
  },
  'vault:index/authBackend:AuthBackend': { type: 'kubernetes', path: 'kubernetes' },
  'vault:kubernetes/authBackendConfig:AuthBackendConfig': {
    backend: 'kubernetes',
    kubernetesHost: 'https://10.0.0.1:6443',
    tokenReviewerJwt: 'canary-jwt',
    disableLocalCaJwt: true,
  },
  'vault:kubernetes/authBackendRole:AuthBackendRole': role,
};
const objects = [cephClass(), kmsConfig()] as Fields[];

/** Policies that a stack fails, with parts changed or added; `undefined` leaves one out. */
async function refused(changes: Readonly<Record<string, Properties | undefined>> = {}): Promise<readonly string[]> {
  const declared = Object.entries({ ...parts, ...changes }).flatMap(([type, properties], index) => {
    if (properties === undefined) return [];
    const resource = resourceOf({ apiVersion: 'v1', kind: 'X', ...properties } as Fields);
    resource.setType(type);
    resource.setUrn(`urn:pulumi:dev::storage::${type}::${index}`);
    return [resource];
  });
  const found = await analyzeStack([...objects.map((object) => resourceOf(object)), ...declared]);
  expect(JSON.stringify(found)).not.toContain('canary');
  return found.filter(({ level }) => level === 1).map(({ policy }) => policy.slice(0, 4));
}

describe('@pulumi/vault resources of a stack', () => {
  const kubernetesRole = 'vault:kubernetes/authBackendRole:AuthBackendRole';

  test('that fit pass', async () => {
    expect(await refused()).toEqual([]);
  });

  test.each([
    ['kw03', 'version 1 where the KMS says 2', { 'vault:index/mount:Mount': { path: 'storage', type: 'kv' } }],
    [
      'kw03',
      'a policy without data/',
      { 'vault:index/policy:Policy': { name: 'ceph-csi', policy: 'path "storage/*x" { capabilities = ["read"] }' } },
    ],
    ['kw04', 'a near miss of a policy', { [kubernetesRole]: { ...role, tokenPolicies: ['cephcsi'] } }],
    ['kw04', 'a near miss of a role', { [kubernetesRole]: { ...role, roleName: 'cephcsi' } }],
    ['kw05', 'a missing account', { [kubernetesRole]: { ...role, boundServiceAccountNames: ['rbd-csi-nodeplugin'] } }],
    [
      'kw06',
      'its own token for another cluster',
      {
        'vault:kubernetes/authBackendConfig:AuthBackendConfig': {
          backend: 'kubernetes',
          kubernetesHost: 'https://10.0.0.1:6443',
        },
      },
    ],
    ['kw11', 'a role without an end of its tokens', { [kubernetesRole]: { ...role, tokenTtl: 0 } }],
    [
      'kw11',
      'a token role that is no orphan',
      { 'vault:tokenauth/authBackendRole:AuthBackendRole': { roleName: 'kms', tokenPeriod: 3600 } },
    ],
    [
      'kw14',
      'a transit key that may be deleted',
      { 'vault:transit/secretBackendKey:SecretBackendKey': { backend: 't', name: 'k', deletionAllowed: true } },
    ],
  ] as const)('are refused by %s for %s', async (policy, _, changes) => {
    const mount = 'vault:transit/secretBackendKey:SecretBackendKey' in changes ? { second: 'transit' } : undefined;
    if (mount === undefined) expect(await refused(changes)).toContain(policy);
    else expect(await withTransit(changes)).toContain(policy);
  });

  test('that may be a part only: a role, a policy or a mount elsewhere is no mistake', async () => {
    expect(await refused({ [kubernetesRole]: { ...role, roleName: 'backup' } })).toEqual([]);
    expect(await refused({ [kubernetesRole]: { ...role, tokenPolicies: ['default', 'of-the-platform'] } })).toEqual([]);
    expect(await refused({ 'vault:index/mount:Mount': undefined, 'vault:index/policy:Policy': undefined })).toEqual([]);
    expect(await refused({ 'vault:index/mount:Mount': { path: 'pki', type: 'pki' } })).toEqual([]);
  });

  test('whose values only the update will know are no mistake', async () => {
    for (const key of ['backend', 'roleName', 'boundServiceAccountNames', 'audience'])
      expect([key, await refused({ [kubernetesRole]: { ...role, [key]: unknownText } })]).toEqual([key, []]);
    const policy = { name: 'ceph-csi', policy: unknownText };
    expect(await refused({ 'vault:index/policy:Policy': policy })).toEqual([]);
    const method = 'vault:kubernetes/authBackendConfig:AuthBackendConfig';
    const config = { ...parts[method], kubernetesHost: unknownText, tokenReviewerJwt: unknownText };
    expect(await refused({ [method]: config })).toEqual([]);
  });

  test('do not make the policies throw, whatever they hold', async () => {
    const value = fc.oneof(fc.constantFrom('', 'kubernetes', 'kv', true, 0, -1), fc.string(), fc.array(fc.string()));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(parts)), fc.nat(), value, async (type, seed, replacement) => {
        const properties = parts[type] ?? {};
        const keys = Object.keys(properties);
        await refused({ [type]: { ...properties, [keys[seed % keys.length] ?? 'path']: replacement } });
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

/** A transit engine beside the key. */
async function withTransit(changes: Readonly<Record<string, Properties>>): Promise<readonly string[]> {
  return refused({ 'vault:index/mount:Mount': { path: 't', type: 'transit' }, ...changes });
}

describe('manifests of vault-config-operator', () => {
  const kms = {
    type: 'vault',
    address: 'https://vault.example.com:8200',
    backendPath: 'storage',
    auth: { method: 'kubernetes', role: 'ceph-csi', mountPath: 'k8s/storage' },
  } as const;
  const section = { ...vaultSection, vaultAuthPath: '/v1/auth/k8s/storage/login' };
  const found = (serviceAccounts: readonly string[], role = 'ceph-csi') => {
    const state = cephCsiVaultState({ owner: 'p', kms, namespace: 'ceph-csi', serviceAccounts });
    const { '': root, ...rest } = state.namespaces;
    const { mounts, ...others } = root ?? {};
    // The operator has no resource for the configuration of a KV engine.
    const plain = Object.fromEntries(
      Object.entries(mounts ?? {}).map(([path, mount]) => [path, { type: mount.type, version: 2 } as never]),
    );
    const manifests = vaultConfigOperatorManifests(
      { ...state, namespaces: { ...rest, '': { ...others, mounts: plain } } },
      { namespace: 'vault-admin' },
    );
    const config = kmsConfig({ 'vault-eu': { ...section, vaultRole: role } });
    return checkRules({ objects: [cephClass(), config, ...manifests] })
      .filter(({ severity }) => severity === 'error')
      .map(({ rule }) => rule);
  };
  const accounts = ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'];

  test('that fit pass, and a missing account or a near miss of a role does not (traps 4, 5)', () => {
    expect(found(accounts)).toEqual([]);
    expect(found(accounts.slice(0, 1))).toEqual(['KW05']);
    expect(found(accounts, 'cephcsi')).toEqual(['KW04']);
  });
});
