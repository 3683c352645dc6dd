import { type Data, encryptionConfiguration, kmsPlugin, kmsProvider } from '../../../../lib/rules/examples/parts';
import { apiServer, login, named, testTraps } from '../trap-parts';

testTraps('KW13', [
  [
    'a DaemonSet',
    {
      objects: [
        {
          ...named('DaemonSet', 'kms'),
          spec: { template: { spec: { containers: [{ image: 'x/vault-kubernetes-kms:v1' }] } } },
        },
      ],
    },
    'kind',
  ],
  [
    'a Secret in a static pod',
    {
      objects: [
        kmsPlugin(login, {
          volumes: [
            { name: 'socket', hostPath: { path: '/var/run/kmsplugin' } },
            { name: 's', secret: { secretName: 's' } },
          ],
        }),
      ],
    },
    'spec.volumes[1].secret',
  ],
  ['the network of the cluster', { objects: [kmsPlugin(login, { hostNetwork: false })] }, 'spec.hostNetwork'],
  [
    'a Vault in the cluster',
    {
      objects: [
        kmsPlugin(['-auth-method=cert', '-vault-address=https://x'].slice(0, 1), {
          containers: [
            {
              image: 'vault-kubernetes-kms:1',
              args: ['-auth-method=cert', '-vault-address=https://vault.vault.svc:8200'],
              volumeMounts: [{ name: 'socket', mountPath: '/opt/kms' }],
            },
          ],
        }),
      ],
    },
    'spec.containers[0]',
  ],
  [
    'a socket that stays in the pod',
    { objects: [kmsPlugin(login, { volumes: [{ name: 'socket', emptyDir: {} }] })] },
    'spec.containers[0].volumeMounts',
  ],
  [
    'an API server that does not mount its socket',
    { objects: [encryptionConfiguration(kmsProvider), apiServer('/etc/kubernetes/encryption')] },
    'apiServer',
  ],
  [
    'KMS v1, which is what no version means',
    { objects: [encryptionConfiguration({ kms: { name: 'v', endpoint: 'unix:///var/run/k.sock' } })] },
    'resources[0].providers[0].kms.apiVersion',
  ],
  [
    'KMS v2 on an old cluster',
    { objects: [encryptionConfiguration(kmsProvider)], context: { clusterVersion: 'v1.26.3' } },
    'resources[0].providers[0].kms.apiVersion',
  ],
  [
    'an endpoint that no plugin serves',
    {
      objects: [
        encryptionConfiguration({ kms: { ...(kmsProvider.kms as Data), endpoint: 'unix:///var/run/other.sock' } }),
        kmsPlugin(login),
      ],
    },
    'resources[0].providers[0].kms.endpoint',
  ],
]);
