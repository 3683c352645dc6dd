/** Parts that the rows of the traps are made of, beside those of the examples. */

import { checkRules } from '../../../lib/rules/check-rules';
import {
  cephClass,
  cephParameters,
  type Data,
  driverRole,
  kmsConfig,
  kubernetesAuth,
  state,
  vaultSection,
} from '../../../lib/rules/examples/parts';
import type { RuleInput } from '../../../lib/rules/rule';

export const section = (changes: Data) => kmsConfig({ 'vault-eu': { ...vaultSection, ...changes } });
export const parameters = (changes: Data, rest: Data = {}) => cephClass({ ...cephParameters, ...changes }, rest);
export const tenantSection = {
  encryptionKMSType: 'vaulttenantsa',
  vaultAddress: 'https://vault.example.com:8200',
  vaultBackend: 'kv-v2',
  vaultBackendPath: 'storage',
  vaultRole: 'ceph-csi',
};
export const details = {
  KMS_PROVIDER: 'vault',
  VAULT_ADDR: 'https://vault.example.com:8200',
  VAULT_BACKEND: 'v2',
  VAULT_BACKEND_PATH: 'rook',
};
const deviceSet = { name: 'set1', encrypted: true };
export const cephCluster = (connectionDetails: Data, spec: Data = {}) => ({
  apiVersion: 'ceph.rook.io/v1',
  kind: 'CephCluster',
  metadata: { name: 'rook-ceph', namespace: 'rook-ceph' },
  spec: {
    security: { kms: { connectionDetails, tokenSecretName: 'rook-token' } },
    storage: { storageClassDeviceSets: [deviceSet] },
    ...spec,
  },
});
export const objectStore = (security: Data) => ({
  apiVersion: 'ceph.rook.io/v1',
  kind: 'CephObjectStore',
  metadata: { name: 'store', namespace: 'rook-ceph' },
  spec: { security },
});
export const named = (kind: string, name: string, fields: Data = {}, namespace: string | undefined = 'ceph-csi') => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...(namespace && { namespace }) },
  ...fields,
});
export const annotated = (key: string, value: string) => ({
  metadata: { name: 'rbd-luks', annotations: { [key]: value } },
});
export const role = (changes: Data) => state({ auth: { kubernetes: kubernetesAuth({ ...driverRole, ...changes }) } });
export const auth = (config: Data) => state({ auth: { kubernetes: kubernetesAuth(driverRole, config) } });
export const transit = (key: Data) => ({
  owner: 'p',
  namespaces: { '': { mounts: { transit: { type: 'transit', keys: { kms: key } } } } },
});
export const kv = (mount: Data) => state({ mounts: { storage: { type: 'kv', version: 2, ...mount } } });
export const login = ['-auth-method=cert'];
export const apiServer = (...mounts: readonly string[]) => ({
  apiVersion: 'kubeadm.k8s.io/v1beta4',
  kind: 'ClusterConfiguration',
  apiServer: {
    extraArgs: [{ name: 'encryption-provider-config', value: '/etc/kubernetes/encryption/config.yaml' }],
    extraVolumes: mounts.map((mountPath) => ({ name: 'v', hostPath: mountPath, mountPath })),
  },
});
export const workload = (container: Data, pod: Data = {}) =>
  named('Pod', 'p', { spec: { containers: [{ name: 'c', ...container }], ...pod } });

/** A mistake in words, the input that makes it, and the path that the rule names. */
export type TrapRow = readonly [mistake: string, input: RuleInput, path: string];

/** One test a row: the rule finds the mistake, as an error, where it is. */
export function testTraps(id: string, rows: readonly TrapRow[]): void {
  test.each(rows)(`${id} finds %s`, (_, input, path) => {
    const found = checkRules(input, { only: [id] });
    expect(found.map((finding) => finding.path)).toContain(path);
    expect(found.find((finding) => finding.path === path)).toMatchObject({ severity: 'error', rule: id });
  });
}

const operations = ['provisioner', 'controller-expand', 'node-stage', 'node-expand'];

/** A class of keyward's driver for RBD images, the driver, and the list of clusters that it mounts. */
export const ownRbd = ({
  without,
  change = {},
  clusters = JSON.stringify([{ clusterID: 'prod-a', monitors: ['10.0.0.11:6789'] }]),
}: {
  readonly without?: string;
  readonly change?: Data;
  readonly clusters?: string;
}): readonly Data[] => {
  const prefix = 'csi.storage.k8s.io';
  const secrets = operations
    .filter((operation) => operation !== without)
    .flatMap((operation) => [
      [`${prefix}/${operation}-secret-name`, 'ceph-user'],
      [`${prefix}/${operation}-secret-namespace`, 'rook-ceph'],
    ]);
  const encryption = { encrypted: 'true', encryptionKMSID: 'vault-eu' };
  const cluster = { clusterID: 'prod-a', pool: 'kube' };
  const config = { 'config.json': JSON.stringify({ backend: { type: 'rbd' } }) };
  const volumes = [
    { name: 'config', configMap: { name: 'keyward-csi-config' } },
    { name: 'clusters', configMap: { name: 'list', items: [{ key: 'clusters', path: 'config.json' }] } },
  ];
  const volumeMounts = [{ name: 'clusters', mountPath: '/etc/ceph-csi-config' }];
  const containers = [{ name: 'keyward', args: ['csi', '--controller'], volumeMounts }];
  return [
    cephClass(
      { ...cluster, ...encryption, ...Object.fromEntries(secrets), ...change },
      { provisioner: 'csi.keyward.io' },
    ),
    named('ConfigMap', 'keyward-csi-config', { data: config }, 'rook-ceph'),
    named('ConfigMap', 'list', { data: { clusters } }, 'rook-ceph'),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'keyward-csi-controller', namespace: 'rook-ceph' },
      spec: { template: { spec: { containers, volumes } } },
    },
  ];
};
