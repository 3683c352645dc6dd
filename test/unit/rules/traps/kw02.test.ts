import { cephClass, cephParameters, kmsConfig } from '../../../../lib/rules/examples/parts';
import { named, ownRbd, parameters, testTraps } from '../trap-parts';

testTraps('KW02', [
  [
    'no Secret for a volume that grows',
    {
      objects: [
        cephClass(
          Object.fromEntries(Object.entries(cephParameters).filter(([key]) => !key.includes('controller-expand'))),
        ),
      ],
    },
    'parameters["csi.storage.k8s.io/controller-expand-secret-name"]',
  ],
  [
    'no Secret for snapshots',
    { objects: [named('VolumeSnapshotClass', 's', { driver: 'rbd.csi.ceph.com', parameters: {} }, '')] },
    'parameters["csi.storage.k8s.io/snapshotter-secret-name"]',
  ],
  [
    'a Secret without the passphrase of the default KMS',
    {
      objects: [
        parameters({ encryptionKMSID: '' }),
        named('Secret', 'rbd-node', { data: { userID: 'YQ==', userKey: '<filled later>' } }),
      ],
    },
    'parameters["csi.storage.k8s.io/node-stage-secret-name"]',
  ],
  [
    'a credential Secret without a key that the KMS reads',
    {
      objects: [
        kmsConfig({ hsm: { encryptionKMSType: 'kmip', KMIP_ENDPOINT: 'kmip:5696' } }),
        named('ExternalSecret', 'ceph-csi-kmip-credentials', { spec: { data: [{ secretKey: 'CA_CERT' }] } }),
      ],
    },
    'data["config.json"].hsm',
  ],
  [
    'no Ceph user when a volume of keyward is staged',
    { objects: ownRbd({ without: 'node-stage' }) },
    'parameters["csi.storage.k8s.io/node-stage-secret-name"]',
  ],
  [
    'no Ceph user when a volume of keyward grows on its node',
    { objects: ownRbd({ without: 'node-expand' }) },
    'parameters["csi.storage.k8s.io/node-expand-secret-name"]',
  ],
  [
    'a Secret of a volume of keyward without the key of the Ceph user',
    { objects: [...ownRbd({}), named('Secret', 'ceph-user', { data: { userID: 'YQ==' } }, 'rook-ceph')] },
    'parameters["csi.storage.k8s.io/provisioner-secret-name"]',
  ],
  [
    'no Ceph user for snapshots of keyward',
    { objects: [...ownRbd({}), named('VolumeSnapshotClass', 's', { driver: 'csi.keyward.io', parameters: {} }, '')] },
    'parameters["csi.storage.k8s.io/snapshotter-secret-name"]',
  ],
]);
