/** The recipes of lib/vault pass all rules beside the Kubernetes side that they are for. */
import { App, Chart, Size } from 'cdk8s';
import { CephCsiEncryptedStorage, EncryptedStorage } from '../../../lib/cdk8s';
import type { VaultKmsProps, VaultTenantSaKmsProps } from '../../../lib/index';
import { checkRules } from '../../../lib/rules/check-rules';
import { kmsPlugin } from '../../../lib/rules/examples/parts';
import {
  apiServerKmsState,
  cephCsiVaultState,
  driverVaultState,
  mergeVaultStates,
  rookOsdState,
  tenantServiceAccountsState,
} from '../../../lib/vault';

const address = 'https://vault.example.com:8200';
const vault: VaultKmsProps = {
  type: 'vault',
  address,
  backendPath: 'keys',
  passphrasePath: 'csi/',
  auth: { method: 'kubernetes', role: 'driver' },
};
const tenants: VaultTenantSaKmsProps = {
  type: 'vaulttenantsa',
  address,
  backendPath: 'tenants',
  tenantPrefix: true,
  role: 'tenants',
};
const chart = (namespace: string) => new Chart(new App(), 'chart', { namespace, disableResourceNameHashes: true });

test('the recipe of keyward’s own driver, with EncryptedStorage', () => {
  const kms = {
    vault,
    tenants,
    transit: { type: 'vaulttransit', address, keyName: 'volumes', auth: vault.auth },
  } as const;
  const storage = chart('keyward-system');
  new EncryptedStorage(storage, 'storage', {
    driver: { type: 'keyward', backend: { type: 'loop', capacity: Size.gibibytes(10) } },
    kms,
    tenants: ['billing', 'shop'],
    classes: [
      { name: 'shared', kms: 'vault' },
      { name: 'tenants', kms: 'tenants' },
      { name: 'wrapped', kms: 'transit' },
    ],
  });
  const state = driverVaultState({
    owner: 'storage',
    kms,
    tenants: ['billing', 'shop'],
    driver: { namespace: 'keyward-system' },
  });
  expect(checkRules({ objects: storage.toJson(), vault: state })).toEqual([]);
});

test('the recipe of ceph-csi, with CephCsiEncryptedStorage', () => {
  const storage = chart('rook-ceph');
  new CephCsiEncryptedStorage(storage, 'storage', {
    deployment: 'rook',
    cluster: { clusterId: 'rook-ceph', secrets: { name: 'rook-csi-rbd-provisioner' } },
    kms: { vault },
    classes: [{ name: 'encrypted', kms: 'vault', pool: 'replicapool', keyRotation: '@weekly' }],
  });
  const serviceAccounts = ['rook-csi-rbd-provisioner-sa', 'rook-csi-rbd-plugin-sa'];
  const state = cephCsiVaultState({ owner: 'storage', kms: vault, namespace: 'rook-ceph', serviceAccounts });
  const objects = storage.toJson();
  expect(checkRules({ objects, vault: state })).toEqual([]);
  const half = cephCsiVaultState({
    owner: 'storage',
    kms: vault,
    namespace: 'rook-ceph',
    serviceAccounts: serviceAccounts.slice(0, 1),
  });
  expect(checkRules({ objects, vault: half }).map(({ rule }) => rule)).toEqual(['KW05']);
});

test('the recipes of Rook and of the API server, merged with the one of tenants', () => {
  const connectionDetails = {
    KMS_PROVIDER: 'vault',
    VAULT_ADDR: address,
    VAULT_BACKEND: 'v2',
    VAULT_BACKEND_PATH: 'rook',
    VAULT_AUTH_METHOD: 'kubernetes',
    VAULT_AUTH_KUBERNETES_ROLE: 'osd',
  };
  const kms = { connectionDetails };
  const cluster = {
    apiVersion: 'ceph.rook.io/v1',
    kind: 'CephCluster',
    metadata: { name: 'rook-ceph', namespace: 'rook-ceph' },
    spec: {
      security: { kms, keyRotation: { enabled: true } },
      storage: { storageClassDeviceSets: [{ name: 'set1', encrypted: true }] },
    },
  };
  const auth = { method: 'approle', secretIdFile: '/etc/kms/secret-id', roleIdFile: '/etc/kms/role-id' } as const;
  const state = mergeVaultStates(
    rookOsdState({ owner: 'storage', kms }),
    apiServerKmsState({ owner: 'storage', kms: { vault: { address }, auth } }),
    tenantServiceAccountsState({ owner: 'storage', kms: tenants, tenants: ['billing', 'shop'] }),
  );
  const plugin = kmsPlugin(['-auth-method=approle']);
  expect(
    checkRules({ objects: [cluster, plugin], vault: state, previous: [cluster, plugin], previousVault: state }),
  ).toEqual([]);
});
