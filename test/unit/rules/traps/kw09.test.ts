import { checkRules } from '../../../../lib/rules/check-rules';
import { cephClass, cephParameters, type Data, kmsConfig } from '../../../../lib/rules/examples/parts';
import { annotated, cephCluster, details, named, ownRbd, parameters, section, testTraps } from '../trap-parts';

const schedule = 'keyrotation.csiaddons.openshift.io/schedule';
const schedulePath = `metadata.annotations["${schedule}"]`;
const addonsContainer = { name: 'csi-addons', args: ['--csi-addons-address=/csi/csi-addons.sock'] };
const daemonSet = (containers: readonly Data[], volumes: readonly Data[] = []) => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'nodes', namespace: 'storage' },
  spec: { template: { spec: { containers, volumes } } },
});
/** keyward's own driver for node-local volumes, with a class that has a schedule. */
const ownScheduled = ({
  args = [],
  sidecars = [],
  kms = { encryptionKMSType: 'vault', vaultAddress: 'https://vault:8200', vaultRole: 'r' },
  annotations = {},
  backend = { type: 'loop', directory: '/srv' },
}: {
  readonly args?: readonly string[];
  readonly sidecars?: readonly Data[];
  readonly kms?: Data;
  readonly annotations?: Data;
  readonly backend?: Data;
}): readonly Data[] => [
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'own', annotations: { [schedule]: '@weekly', ...annotations } },
    provisioner: 'csi.keyward.io',
    parameters: {
      encrypted: 'true',
      encryptionKMSID: 'vault-eu',
      ...(backend.type === 'rbd' && { clusterID: 'prod-a', pool: 'kube' }),
    },
  },
  kmsConfig({ 'vault-eu': kms }),
  named('ConfigMap', 'keyward-csi-config', { data: { 'config.json': JSON.stringify({ backend }) } }, 'storage'),
  daemonSet(
    [{ name: 'keyward', args: ['csi', '--node', ...args] }, ...sidecars],
    [{ name: 'config', configMap: { name: 'keyward-csi-config' } }],
  ),
];
const cephScheduled = (image: string, sidecars: readonly Data[]): readonly Data[] => [
  cephClass(cephParameters, annotated(schedule, '@weekly')),
  daemonSet([{ name: 'csi-rbdplugin', image, args: ['--type=rbd', '--nodeserver=true'] }, ...sidecars]),
];
const metadataKms = { encryptionKMSType: 'metadata' };

test.each([
  ['through CSI-Addons', ownScheduled({ sidecars: [addonsContainer] })],
  ['by the driver', ownScheduled({ args: ['--rotation'] })],
  [
    'by the driver, with the Secret of the class',
    ownScheduled({ args: ['--rotation', '--admin-secret=a/b'], kms: metadataKms }),
  ],
  ['through CSI-Addons, with the Secret of the class', ownScheduled({ sidecars: [addonsContainer], kms: metadataKms })],
  ['switched off', ownScheduled({ annotations: { 'keyrotation.csiaddons.openshift.io/enable': 'false' } })],
  ['often enough', ownScheduled({ args: ['--rotation'], annotations: { 'keyward.io/maximum-key-age-days': '7' } })],
  ['through CSI-Addons, on ceph-csi', cephScheduled('quay.io/cephcsi/cephcsi:v3.17.0', [addonsContainer])],
  ['with a driver that is not in the set', [cephClass(cephParameters, annotated(schedule, '@weekly'))]],
] as const)('KW09 finds nothing in a rotation %s', (_, objects) => {
  expect(checkRules({ objects }, { only: ['KW09'] })).toEqual([]);
});

test.each([
  [
    'ibmkeyprotect on ceph-csi, whose rotations mostly fail',
    [
      cephClass(cephParameters, annotated(schedule, '@weekly')),
      kmsConfig({ 'vault-eu': { encryptionKMSType: 'ibmkeyprotect', IBM_KP_SERVICE_INSTANCE_ID: 'i' } }),
    ],
    schedulePath,
  ],
  [
    'two carriers that differ in whose schedule wins',
    [
      ...ownScheduled({ args: ['--rotation', '--rotation-precedence=storageclass'], sidecars: [addonsContainer] }),
      named('ConfigMap', 'csi-addons-config', { data: { 'schedule-precedence': 'pvc' } }),
    ],
    'data.schedule-precedence',
  ],
] as const)('KW09 warns of %s', (_, objects, path) => {
  const found = checkRules({ objects }, { only: ['KW09'] });
  expect(found).toMatchObject([{ path, severity: 'warning' }]);
});

testTraps('KW09', [
  ['R2: a schedule that nobody carries out', { objects: ownScheduled({}) }, schedulePath],
  [
    'R2: a schedule that nobody carries out, on ceph-csi',
    { objects: cephScheduled('quay.io/cephcsi/cephcsi:v3.17.0', []) },
    schedulePath,
  ],
  [
    'R2: a ceph-csi without rotation',
    { objects: cephScheduled('quay.io/cephcsi/cephcsi:v3.11.0', [addonsContainer]) },
    schedulePath,
  ],
  [
    'R2: a rotation by the driver that lacks the Secret of the class',
    { objects: ownScheduled({ args: ['--rotation'], kms: metadataKms }) },
    schedulePath,
  ],
  [
    'R2: a rotation by the driver that lacks the Ceph user of the class',
    { objects: ownScheduled({ args: ['--rotation'], backend: { type: 'rbd' } }) },
    schedulePath,
  ],
  [
    'R2: a schedule that lets keys grow older than the class allows',
    {
      objects: ownScheduled({ args: ['--rotation'], annotations: { 'keyward.io/maximum-key-age-days': '6' } }),
    },
    'metadata.annotations["keyward.io/maximum-key-age-days"]',
  ],
  [
    'R2: a claim with a schedule on file encryption',
    {
      objects: [
        parameters({ encryptionType: 'file' }),
        named('PersistentVolumeClaim', 'data', {
          metadata: { name: 'data', namespace: 'shop', annotations: { [schedule]: '@daily' } },
          spec: { storageClassName: 'rbd-luks' },
        }),
      ],
    },
    schedulePath,
  ],
  [
    'file encryption with a KMS that has none',
    {
      objects: [
        parameters({ encryptionType: 'file' }),
        kmsConfig({ 'vault-eu': { encryptionKMSType: 'kmip', KMIP_ENDPOINT: 'kmip:5696' } }),
      ],
    },
    'parameters.encryptionKMSID',
  ],
  [
    'integrity and expansion',
    { objects: [parameters({ encryptionCipher: 'aes-xts-plain64', integrityMode: 'hmac-sha256' })] },
    'allowVolumeExpansion',
  ],
  [
    'journaling with the kernel',
    { objects: [parameters({ imageFeatures: 'exclusive-lock,journaling' })] },
    'parameters.imageFeatures',
  ],
  [
    'rotation of Rook at a KMIP server',
    {
      objects: [
        cephCluster(
          { KMS_PROVIDER: 'kmip', KMIP_ENDPOINT: 'x:1' },
          { security: { kms: { connectionDetails: { KMS_PROVIDER: 'kmip' } }, keyRotation: { enabled: true } } },
        ),
      ],
    },
    'spec.security.keyRotation.enabled',
  ],
  [
    'OSD keys in transit',
    { objects: [cephCluster({ ...details, VAULT_SECRET_ENGINE: 'transit' })] },
    'spec.security.kms.connectionDetails.VAULT_SECRET_ENGINE',
  ],
  [
    'recoverable keys in KV version 1',
    { objects: [section({ vaultBackend: 'kv', vaultDestroyKeys: 'false' })] },
    'data["config.json"].vault-eu.vaultDestroyKeys',
  ],
  [
    'a key of csi-addons that is too new',
    {
      objects: [named('ConfigMap', 'csi-addons-config', { data: { 'cronjob-stagger-window': '2' } })],
      context: { csiAddonsVersion: '0.14.0' },
    },
    'data.cronjob-stagger-window',
  ],
  [
    'a rotation that is scheduled on file encryption',
    {
      objects: [
        parameters({ encryptionType: 'file' }, annotated('keyrotation.csiaddons.openshift.io/schedule', '@weekly')),
      ],
    },
    'metadata.annotations["keyrotation.csiaddons.openshift.io/schedule"]',
  ],
  [
    'integrity and expansion, on images that keyward makes',
    { objects: ownRbd({ change: { integrityMode: 'hmac-sha256' } }) },
    'allowVolumeExpansion',
  ],
  [
    'random vectors without integrity, on images that keyward makes',
    { objects: ownRbd({ change: { encryptionCipher: 'aes-xts-random' } }) },
    'parameters.encryptionCipher',
  ],
  [
    'a feature without what it needs, on images that keyward makes',
    { objects: ownRbd({ change: { imageFeatures: 'layering,object-map' } }) },
    'parameters.imageFeatures',
  ],
  [
    'integrity on node-local volumes of keyward',
    { objects: [{ ...cephClass({ encrypted: 'true', integrityMode: 'hmac-sha256' }), provisioner: 'csi.keyward.io' }] },
    'parameters.integrityMode',
  ],
]);
