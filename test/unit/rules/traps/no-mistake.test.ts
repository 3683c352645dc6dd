import { checkRules } from '../../../../lib/rules/check-rules';
import {
  cephClass,
  cephParameters,
  encryptionConfiguration,
  kmsConfig,
  kmsProvider,
  state,
} from '../../../../lib/rules/examples/parts';
import type { RuleInput } from '../../../../lib/rules/rule';
import { apiServer, named, ownRbd, section } from '../trap-parts';

const isList = (metadata: unknown) => (metadata as { readonly name: string }).name === 'list';

describe('what looks like a mistake and is none', () => {
  const rows: readonly (readonly [string, RuleInput])[] = [
    [
      'a class without encryption of a stock driver',
      {
        objects: [
          cephClass({
            clusterID: 'a',
            pool: 'b',
            ...Object.fromEntries(Object.entries(cephParameters).filter(([key]) => key.includes('/'))),
          }),
        ],
      },
    ],
    ['a class of keyward for images of Ceph', { objects: ownRbd({}) }],
    [
      'a class of keyward for a cluster whose list another keeps',
      { objects: ownRbd({ change: { clusterID: 'rook-ceph' } }).filter(({ metadata }) => !isList(metadata)) },
    ],
    [
      'integrity of images that do not grow',
      {
        objects: ownRbd({ without: 'none', change: { integrityMode: 'hmac-sha256' } }).map((object) =>
          object.kind === 'StorageClass' ? { ...object, allowVolumeExpansion: false } : object,
        ),
      },
    ],
    [
      'a class of a driver that is not known',
      { objects: [{ ...cephClass({ encrypted: 'yes please' }), provisioner: 'ebs.csi.aws.com' }] },
    ],
    [
      'a Secret of text that is no secret',
      { objects: [named('Secret', 's', { stringData: { 'config.yaml': 'a: b' } })] },
    ],
    ['a Secret with placeholders', { objects: [named('Secret', 's', { stringData: { token: '<from the vault>' } })] }],
    ['a plain address of this machine', { objects: [section({ vaultAddress: 'http://127.0.0.1:8200' })] }],
    ['a class that goes and nobody uses', { objects: [], previous: [cephClass()] }],
    [
      'a provider that was migrated',
      {
        objects: [encryptionConfiguration(kmsProvider)],
        previous: [encryptionConfiguration(kmsProvider, { identity: {} })],
        context: { migrated: ['identity'] },
      },
    ],
    [
      'KMS v1 on a cluster that has it',
      {
        objects: [
          encryptionConfiguration({ kms: { apiVersion: 'v1', name: 'v', endpoint: 'unix:///var/run/k.sock' } }),
        ],
        context: { clusterVersion: '1.27' },
      },
    ],
    [
      'an API server that mounts what it needs',
      {
        objects: [encryptionConfiguration(kmsProvider), apiServer('/etc/kubernetes/encryption', '/var/run/kmsplugin')],
      },
    ],
    [
      'a policy for the whole mount',
      {
        objects: [kmsConfig()],
        vault: state({ policies: { 'ceph-csi': { rules: [{ path: 'storage/*', capabilities: ['read'] }] } } }),
      },
    ],
    [
      'a policy that somebody else keeps',
      { objects: [], vault: state({ policies: {}, externalPolicies: ['ceph-csi'] }) },
    ],
  ];
  test.each(rows)('%s', (_, input) => {
    expect(checkRules(input)).toEqual([]);
  });
});
