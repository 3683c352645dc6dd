// The pair of trap 12: a class with argon2id, and the driver that has too little memory for it.
import type { RuleExamples } from '../rule';

const objects = (memory: string) => [
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'encrypted' },
    provisioner: 'csi.keyward.io',
    parameters: {
      encrypted: 'true',
      encryptionKMSID: 'vault-eu',
      encryptionPbkdf: 'argon2id',
      encryptionPbkdfMemoryKiB: '262144',
    },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'keyward-csi-config', namespace: 'keyward-system' },
    data: {
      'config.json': JSON.stringify({
        backend: { type: 'loop', directory: '/var/lib/keyward' },
        cryptsetup: { parallel: 4 },
      }),
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'keyward-csi', namespace: 'keyward-system' },
    spec: {
      template: {
        spec: {
          containers: [{ name: 'keyward', args: ['csi'], resources: { limits: { memory } } }],
          volumes: [{ name: 'config', configMap: { name: 'keyward-csi-config' } }],
        },
      },
    },
  },
];

/** 192 MiB and four times 256 MiB are 1216 MiB. */
export const driverMemory: RuleExamples = {
  failing: { objects: objects('384Mi') },
  passing: { objects: objects('1280Mi') },
};
