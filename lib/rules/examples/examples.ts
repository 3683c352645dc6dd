// One pair for each rule: the first is wrong in the way of the rule, the second is the same put right.
import type { RuleExamples } from '../rule';
import { driverMemory } from './driver-memory';
import {
  cephClass,
  cephParameters,
  driverRole,
  encryptionConfiguration,
  keysPolicy,
  kmsConfig,
  kmsPlugin,
  kmsProvider,
  kubernetesAuth,
  state,
  vaultSection,
} from './parts';

const { 'csi.storage.k8s.io/node-stage-secret-namespace': _half, ...withoutNamespace } = cephParameters;
const certificateLogin = ['-auth-method=cert', '-cert-file=/etc/kms/client.crt', '-cert-key=/etc/kms/client.key'];
const driver = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'csi-rbdplugin', namespace: 'ceph-csi' },
  spec: {
    template: {
      spec: {
        serviceAccountName: 'rbd-csi-nodeplugin',
        containers: [{ name: 'csi-rbdplugin', args: ['--type=rbd', '--nodeserver=true'] }],
        volumes: [{ name: 'kms', configMap: { name: 'ceph-csi-encryption-kms-config' } }],
      },
    },
  },
};
const externalHost = { kubernetesHost: 'https://api.cluster-b.example.com:6443' };
const appRole = (secretIdTtl: number) => ({
  owner: 'platform',
  namespaces: {
    '': {
      mounts: { transit: { type: 'transit', keys: { kms: {} } } },
      policies: { 'kms-plugin': { rules: [{ path: 'transit/encrypt/kms', capabilities: ['update'] }] } },
      auth: {
        approle: {
          type: 'approle',
          roles: { plugin: { tokenPolicies: ['kms-plugin'], tokenPeriod: 86400, secretIdTtl } },
        },
      },
    },
  },
});
const passphrase = (data: Readonly<Record<string, unknown>>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'storage-passphrase', namespace: 'ceph-csi' },
  ...data,
});

/** The pairs by rule. Words in them that look like secrets are none. */
export const ruleExamples: Readonly<Record<string, RuleExamples>> = {
  KW01: {
    failing: { objects: [cephClass({ ...cephParameters, encrypted: 'yes' })] },
    passing: { objects: [cephClass()] },
  },
  KW02: {
    failing: { objects: [cephClass(withoutNamespace)] },
    passing: { objects: [cephClass()] },
  },
  KW03: {
    failing: {
      objects: [kmsConfig()],
      vault: state({ policies: { 'ceph-csi': { rules: [{ path: 'storage/ceph-csi/*', capabilities: ['read'] }] } } }),
    },
    passing: { objects: [kmsConfig()], vault: state() },
  },
  KW04: {
    failing: { objects: [kmsConfig()], vault: state({ policies: { 'ceph-cis': keysPolicy } }) },
    passing: { objects: [kmsConfig()], vault: state() },
  },
  KW05: {
    failing: {
      objects: [kmsConfig(), driver],
      vault: state({
        auth: { kubernetes: kubernetesAuth({ ...driverRole, boundServiceAccountNames: ['rbd-csi-provisioner'] }) },
      }),
    },
    passing: { objects: [kmsConfig(), driver], vault: state() },
  },
  KW06: {
    failing: { objects: [], vault: state({ auth: { kubernetes: kubernetesAuth(driverRole, externalHost) } }) },
    passing: {
      objects: [],
      vault: state({
        auth: { kubernetes: kubernetesAuth(driverRole, { ...externalHost, reviewer: { mode: 'client-token' } }) },
      }),
    },
  },
  KW07: {
    failing: {
      objects: [kmsConfig({ 'vault-eu': { ...vaultSection, vaultNamespace: 'storage', vaultAuthNamespace: 'apps' } })],
    },
    passing: {
      objects: [
        kmsConfig({ 'vault-eu': { ...vaultSection, vaultNamespace: 'apps/storage', vaultAuthNamespace: 'apps' } }),
      ],
    },
  },
  KW08: {
    failing: { objects: [kmsConfig({ 'vault-eu': { ...vaultSection, vaultCAVerify: 'false' } })] },
    passing: { objects: [kmsConfig({ 'vault-eu': { ...vaultSection, vaultCAVerify: 'true' } })] },
  },
  KW09: {
    failing: {
      objects: [
        cephClass(
          { ...cephParameters, encryptionKMSID: '' },
          { metadata: { name: 'rbd-luks', annotations: { 'keyrotation.csiaddons.openshift.io/schedule': '@weekly' } } },
        ),
      ],
    },
    passing: {
      objects: [
        cephClass(cephParameters, {
          metadata: { name: 'rbd-luks', annotations: { 'keyrotation.csiaddons.openshift.io/schedule': '@weekly' } },
        }),
      ],
    },
  },
  KW10: {
    failing: { previous: [cephClass()], objects: [cephClass({ ...cephParameters, pool: 'fast' })] },
    passing: {
      previous: [cephClass()],
      objects: [cephClass(), cephClass({ ...cephParameters, pool: 'fast' }, { metadata: { name: 'rbd-luks-fast' } })],
    },
  },
  KW11: {
    failing: { objects: [kmsPlugin(['-auth-method=approle'])], vault: appRole(86400) },
    passing: { objects: [kmsPlugin(['-auth-method=approle'])], vault: appRole(0) },
  },
  KW12: driverMemory,
  KW13: {
    failing: { objects: [kmsPlugin(['-auth-method=kubernetes'])] },
    passing: { objects: [kmsPlugin(certificateLogin)] },
  },
  KW14: {
    failing: {
      previous: [encryptionConfiguration(kmsProvider, { identity: {} })],
      objects: [
        encryptionConfiguration({ kms: { ...(kmsProvider.kms as object), name: 'vault-new' } }, { identity: {} }),
      ],
    },
    passing: {
      previous: [encryptionConfiguration(kmsProvider, { identity: {} })],
      objects: [
        encryptionConfiguration(
          {
            kms: { ...(kmsProvider.kms as object), name: 'vault-new', endpoint: 'unix:///var/run/kmsplugin/new.sock' },
          },
          kmsProvider,
          { identity: {} },
        ),
      ],
    },
  },
  KW15: {
    failing: { objects: [passphrase({ stringData: { encryptionPassphrase: 'correct horse battery' } })] },
    passing: {
      objects: [
        {
          apiVersion: 'external-secrets.io/v1',
          kind: 'ExternalSecret',
          metadata: { name: 'storage-passphrase', namespace: 'ceph-csi' },
          spec: {
            secretStoreRef: { kind: 'ClusterSecretStore', name: 'vault' },
            data: [{ secretKey: 'encryptionPassphrase', remoteRef: { key: 'storage', property: 'passphrase' } }],
          },
        },
      ],
    },
  },
};
