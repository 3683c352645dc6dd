import { cephClass, kmsConfig } from '../../../../lib/rules/examples/parts';
import { annotated, cephCluster, details, named, ownRbd, parameters, section, testTraps } from '../trap-parts';

testTraps('KW09', [
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
