import {
  driverVaultState,
  mergeVaultStates,
  serviceAccountNamespace,
  tenantServiceAccountsState,
  type VaultState,
  vaultConfigOperatorManifests,
} from '../../../lib/vault';
import { issuesOf } from '../schema/issues-of';

const address = 'https://vault.sec.svc:8200';
const state = mergeVaultStates(
  driverVaultState({
    kms: {
      k: {
        type: 'vault',
        address,
        backendPath: 'storage/keys',
        namespace: 'team',
        auth: { method: 'kubernetes', role: 'volumes', mountPath: 'k8s/prod' },
      },
    },
    driver: { namespace: 'keyward-system', audience: 'vault' },
    login: { reviewer: { mode: 'client-token' } },
  }),
  tenantServiceAccountsState({
    kms: { type: 'vaulttenantsa', address, backendPath: 'tenants', tenantPrefix: true, mountPath: 'k8s/prod' },
    tenants: ['shop'],
  }),
);

test('a state becomes resources of the operator, in the order of their use', () => {
  const manifests = vaultConfigOperatorManifests(state, { namespace: 'vault-admin' });
  expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    'SecretEngineMount tenants',
    'AuthEngineMount k8s-prod',
    'KubernetesAuthEngineConfig k8s-prod',
    'KubernetesAuthEngineRole k8s-prod-csi-kubernetes',
    'Policy csi-tenants',
    'Namespace team',
    'SecretEngineMount team-storage-keys',
    'AuthEngineMount team-k8s-prod',
    'KubernetesAuthEngineConfig team-k8s-prod',
    'KubernetesAuthEngineRole team-k8s-prod-volumes',
    'Policy team-keyward-k',
  ]);
  expect(new Set(manifests.map(({ apiVersion }) => apiVersion))).toEqual(new Set(['redhatcop.redhat.io/v1alpha1']));
});

test('with the fields of its CRDs', () => {
  const manifests = vaultConfigOperatorManifests(state, {
    namespace: 'vault-admin',
    authentication: { role: 'admin', serviceAccount: 'vault-admin' },
    address,
  });
  const spec = (name: string) => manifests.find(({ kind, metadata }) => `${kind} ${metadata.name}` === name)?.spec;
  const common = {
    authentication: { path: 'kubernetes', role: 'admin', serviceAccount: { name: 'vault-admin' }, namespace: 'team' },
    connection: { address },
  };
  expect(spec('Namespace team')).toEqual({
    ...common,
    authentication: { ...common.authentication, namespace: undefined },
    name: 'team',
  });
  expect(spec('SecretEngineMount team-storage-keys')).toEqual({
    ...common,
    type: 'kv',
    path: 'storage',
    name: 'keys',
    options: { version: '2' },
  });
  expect(spec('KubernetesAuthEngineConfig team-k8s-prod')).toEqual({
    ...common,
    path: 'k8s',
    name: 'prod',
    kubernetesHost: 'https://kubernetes.default.svc',
    useOperatorPodCA: false,
    disableLocalCAJWT: true,
    disableISSValidation: true,
  });
  expect(spec('KubernetesAuthEngineRole team-k8s-prod-volumes')).toEqual({
    ...common,
    path: 'k8s/prod',
    name: 'volumes',
    targetServiceAccounts: ['keyward-csi'],
    targetNamespaces: { targetNamespaces: ['keyward-system'] },
    policies: ['keyward-k'],
    audience: 'vault',
    tokenTTL: 3600,
    tokenType: 'batch',
    tokenNoDefaultPolicy: true,
  });
});

test('names accessors in the operator’s own way', () => {
  const policy = vaultConfigOperatorManifests(state, { namespace: 'n' }).find(({ kind }) => kind === 'Policy');
  expect(policy?.spec.policy).toMatch(/aliases\.\$\{auth\/k8s\/prod\/@accessor\}\.metadata\.service_account_namespace/);
  expect(serviceAccountNamespace('k8s/prod')).toContain('{{accessor:auth/k8s/prod}}');
});

test('refuses everything for which the operator has no resource, all at once', () => {
  const config = {
    kubernetesHost: 'https://api:6443',
    reviewer: { mode: 'reviewer-token', tokenReviewerJwt: { file: '/token' } },
  } as const;
  const others: VaultState = {
    owner: 'test',
    namespaces: {
      '': {
        mounts: {
          keys: { type: 'kv', version: 2, maxVersions: 3 },
          transit: { type: 'transit', keys: { kms: {} } },
        },
        auth: {
          approle: { type: 'approle' },
          token: { type: 'token' },
          kubernetes: { type: 'kubernetes', config },
          'k8s/prod': { type: 'kubernetes', config },
        },
        quotas: { all: { rate: 100 } },
      },
    },
  };
  expect(issuesOf(() => vaultConfigOperatorManifests(others, { namespace: 'n' })).map(({ path }) => path)).toEqual([
    'namespaces."".mounts.keys.maxVersions',
    'namespaces."".mounts.transit.keys.kms',
    'namespaces."".auth.approle',
    'namespaces."".auth.k8s/prod.config.reviewer',
    'namespaces."".auth.kubernetes',
    'namespaces."".auth.token',
    'namespaces."".quotas.all',
  ]);
});

test('writes only the roles of an auth method that is there, and takes the account of the reviewer (R4)', () => {
  const own = driverVaultState({
    kms: { k: { type: 'vault', address, auth: { method: 'kubernetes', role: 'volumes' } } },
    driver: { namespace: 'keyward-system' },
  });
  const kinds = vaultConfigOperatorManifests(own, { namespace: 'n', existingAuth: ['kubernetes'] }).map(
    ({ kind }) => kind,
  );
  expect(kinds).toEqual(['SecretEngineMount', 'KubernetesAuthEngineRole', 'Policy']);
});

test('refuses two parts of a state whose objects would have one name', () => {
  const twins: VaultState = {
    owner: 'test',
    namespaces: { '': { mounts: { 'a/b': { type: 'transit' }, 'a-b': { type: 'transit' } } } },
  };
  expect(issuesOf(() => vaultConfigOperatorManifests(twins, { namespace: 'n' }))).toMatchObject([
    { path: 'SecretEngineMount/a-b' },
  ]);
});
