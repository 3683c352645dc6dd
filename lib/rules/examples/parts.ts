// Parts that the examples of the rules are made of.

/** Plain data, as it would stand in YAML. */
export type Data = Readonly<Record<string, unknown>>;

const secretPair = (operation: string, name: string) => ({
  [`csi.storage.k8s.io/${operation}-secret-name`]: name,
  [`csi.storage.k8s.io/${operation}-secret-namespace`]: 'ceph-csi',
});

/** Parameters of an encrypted class of ceph-csi that is as it should be. */
export const cephParameters: Data = {
  clusterID: 'prod-a',
  pool: 'kube',
  encrypted: 'true',
  encryptionKMSID: 'vault-eu',
  ...secretPair('provisioner', 'rbd-admin'),
  ...secretPair('controller-expand', 'rbd-admin'),
  ...secretPair('node-stage', 'rbd-node'),
};

/** A StorageClass of ceph-csi. */
export function cephClass(parameters: Data = cephParameters, rest: Data = {}): Data {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'rbd-luks' },
    provisioner: 'rbd.csi.ceph.com',
    allowVolumeExpansion: true,
    reclaimPolicy: 'Delete',
    parameters,
    ...rest,
  };
}

/** A section for Vault that is as it should be. */
export const vaultSection: Data = {
  encryptionKMSType: 'vault',
  vaultAddress: 'https://vault.example.com:8200',
  vaultBackend: 'kv-v2',
  vaultBackendPath: 'storage',
  vaultPassphrasePath: 'ceph-csi/',
  vaultAuthPath: '/v1/auth/kubernetes/login',
  vaultRole: 'ceph-csi',
};

/** The ConfigMap of KMS sections that ceph-csi mounts. */
export function kmsConfig(sections: Readonly<Record<string, Data>> = { 'vault-eu': vaultSection }): Data {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'ceph-csi-encryption-kms-config', namespace: 'ceph-csi' },
    data: { 'config.json': JSON.stringify(sections, undefined, 2) },
  };
}

/** The policy of the role. */
export const keysPolicy: Data = {
  rules: [
    { path: 'storage/data/ceph-csi/*', capabilities: ['create', 'read', 'update'] },
    { path: 'storage/metadata/ceph-csi/*', capabilities: ['read', 'delete', 'list'] },
  ],
};

/** The role that the driver logs in as. */
export const driverRole: Data = {
  boundServiceAccountNames: ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'],
  boundServiceAccountNamespaces: ['ceph-csi'],
  tokenPolicies: ['ceph-csi'],
  tokenTtl: 3600,
  tokenType: 'batch',
};

/** The auth method. */
export function kubernetesAuth(role: Data = driverRole, config: Data = {}): Data {
  const reviewer = { mode: 'vault-own-token' };
  return {
    type: 'kubernetes',
    config: { kubernetesHost: 'https://kubernetes.default.svc', reviewer, ...config },
    roles: { 'ceph-csi': role },
  };
}

/** A state of the Vault with one namespace. */
export function state(parts: Data = {}): Data {
  const mounts = { storage: { type: 'kv', version: 2 } };
  const policies = { 'ceph-csi': keysPolicy };
  return {
    owner: 'storage',
    namespaces: { '': { mounts, policies, auth: { kubernetes: kubernetesAuth() }, ...parts } },
  };
}

/** The EncryptionConfiguration of an API server with a KMS plugin. */
export function encryptionConfiguration(...providers: readonly Data[]): Data {
  return {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers }],
  };
}

/** The provider of that plugin. */
export const kmsProvider: Data = {
  kms: { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///var/run/kmsplugin/vault.sock', timeout: '3s' },
};

/** vault-kubernetes-kms as a static pod. */
export function kmsPlugin(args: readonly string[], pod: Data = {}): Data {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'vault-kubernetes-kms', namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: 'plugin',
          image: 'registry.example.com/vault-kubernetes-kms:v1.4.0',
          args: [
            '-vault-address=https://vault.example.com:8200',
            '-socket=unix:///var/run/kmsplugin/vault.sock',
            ...args,
          ],
          volumeMounts: [{ name: 'socket', mountPath: '/var/run/kmsplugin' }],
        },
      ],
      volumes: [{ name: 'socket', hostPath: { path: '/var/run/kmsplugin', type: 'DirectoryOrCreate' } }],
      ...pod,
    },
  };
}
