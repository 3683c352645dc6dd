import { Chart, Testing } from 'cdk8s';
import { cephCsiBackend, decodeRookKms } from '../../../../lib';
import {
  DevOnlyInlineSecret,
  KmsConfigMap,
  RookKms,
  type RookKmsConnection,
  type RookKmsProps,
  RookObjectStoreSecurity,
  type RookObjectStoreSecurityProps,
} from '../../../../lib/cdk8s';
import type { KvMount } from '../../../../lib/vault/state';
import { only, synthesised } from '../synthesised';

const address = 'https://vault.sec.svc:8200';
const vault = {
  provider: 'vault',
  address,
  kv: { path: 'storage/osd', version: 2 },
  auth: { method: 'kubernetes', role: 'osd-keys', mountPath: 'k8s-prod' },
  secrets: { ca: { name: 'vault-ca' } },
} as const satisfies RookKmsConnection;

function declare(props: Partial<RookKmsProps> = {}) {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'rook-ceph' });
  return { chart, rook: new RookKms(chart, 'kms', { kms: vault, ...props }) };
}

describe('RookKms', () => {
  test('Vault with the method kubernetes, in the words of Rook', () => {
    expect(declare().rook.securityBlock).toEqual({
      kms: {
        connectionDetails: {
          KMS_PROVIDER: 'vault',
          VAULT_ADDR: address,
          VAULT_BACKEND: 'v2',
          VAULT_BACKEND_PATH: 'storage/osd',
          VAULT_SECRET_ENGINE: 'kv',
          VAULT_AUTH_METHOD: 'kubernetes',
          VAULT_AUTH_KUBERNETES_ROLE: 'osd-keys',
          VAULT_AUTH_MOUNT_PATH: 'k8s-prod',
          VAULT_CACERT: 'vault-ca',
        },
      },
    });
  });

  test('trap 5: tells which ServiceAccounts the role must be bound to', () => {
    expect(declare().rook.boundServiceAccounts).toEqual([
      { name: 'rook-ceph-system', namespace: 'rook-ceph' },
      { name: 'rook-ceph-osd', namespace: 'rook-ceph' },
    ]);
  });

  test('trap 7: one mount is v2 for Rook and kv-v2 for ceph-csi, or v1 and kv', () => {
    for (const [version, rook, cephCsi] of [
      [1, 'v1', 'kv'],
      [2, 'v2', 'kv-v2'],
    ] as const) {
      const mount: KvMount = { type: 'kv', version };
      const { connectionDetails } = declare({ kms: { ...vault, kv: { path: 'osd', version: mount.version } } }).rook;
      const { kms } = KmsConfigMap.fromKmsConfigMapName('kms', {
        v: { type: 'vault', address, auth: { method: 'kubernetes', role: 'r' }, backend: cephCsiBackend(mount) },
      });
      expect([connectionDetails.VAULT_BACKEND, kms.v]).toMatchObject([rook, { backend: cephCsi }]);
    }
  });

  test('Vault with a token and TLS material of three Secrets', () => {
    const secrets = {
      token: { name: 'rook-vault-token', keys: ['token'] },
      ca: { name: 'ca', keys: ['cert'] },
      clientCert: { name: 'client', keys: ['cert', 'key'] },
      clientKey: { name: 'client', keys: ['cert', 'key'] },
    };
    const { rook } = declare({
      kms: { ...vault, auth: { method: 'token' }, tls: { serverName: 'vault' }, secrets },
      keyRotation: { schedule: '0 3 * * 6' },
    });
    expect(rook.securityBlock).toMatchSnapshot();
    expect(rook.tokenSecretName).toBe('rook-vault-token');
    expect(rook.boundServiceAccounts).toEqual([]);
  });

  test.each<[RookKmsConnection, object]>([
    [
      { provider: 'ibmkeyprotect', serviceInstanceId: 'i', credentials: { name: 'kp' } },
      { connectionDetails: { KMS_PROVIDER: 'ibmkeyprotect', IBM_KP_SERVICE_INSTANCE_ID: 'i' }, tokenSecretName: 'kp' },
    ],
    [
      { provider: 'kmip', endpoint: 'kmip:5696', readTimeoutSeconds: 15, credentials: { name: 'kmip' } },
      {
        connectionDetails: { KMS_PROVIDER: 'kmip', KMIP_ENDPOINT: 'kmip:5696', READ_TIMEOUT: '15' },
        tokenSecretName: 'kmip',
      },
    ],
    [
      {
        provider: 'azure-kv',
        vaultUrl: 'https://k.vault.azure.net',
        clientId: 'c',
        tenantId: 't',
        credentials: { name: 'cert' },
      },
      {
        connectionDetails: {
          KMS_PROVIDER: 'azure-kv',
          AZURE_VAULT_URL: 'https://k.vault.azure.net',
          AZURE_CLIENT_ID: 'c',
          AZURE_TENANT_ID: 't',
          AZURE_CERT_SECRET_NAME: 'cert',
        },
      },
    ],
  ])('$provider, with text for every value', (kms, block) => {
    expect(declare({ kms }).rook.securityBlock).toEqual({ kms: block });
  });

  test('R3: every block reads back, and writes the same again', () => {
    const connections: RookKmsConnection[] = [
      vault,
      { ...vault, auth: { method: 'token' }, namespace: 'team', secrets: { token: { name: 't' } } },
      { provider: 'kmip', endpoint: '[::1]:5696', serverName: 'k', writeTimeoutSeconds: 0, credentials: { name: 'c' } },
      { provider: 'ibmkeyprotect', serviceInstanceId: 'i', baseUrl: 'https://b', credentials: { name: 'c' } },
    ];
    for (const kms of connections) {
      const { securityBlock } = declare({ kms }).rook;
      const { secrets, ...read } = decodeRookKms(securityBlock.kms);
      const own = 'credentials' in kms ? { credentials: { name: 'c' } } : { secrets: kms.secrets ?? {} };
      expect(read).toMatchObject({ provider: kms.provider });
      expect(Object.values(secrets).length).toBe(1);
      expect(declare({ kms: { ...read, ...own } as RookKmsConnection }).rook.securityBlock).toEqual(securityBlock);
    }
  });

  test('trap 3: rejects a block that leaves the version to be detected', () => {
    const connectionDetails = { KMS_PROVIDER: 'vault', VAULT_ADDR: address };
    expect(() => decodeRookKms({ connectionDetails, tokenSecretName: 't' })).toThrow('VAULT_BACKEND is missing');
  });

  test('emits nothing of its own, unless it is to patch a cluster', () => {
    expect(synthesised(declare().chart)).toEqual([]);
    const { chart } = declare({ patchCluster: 'rook-ceph', keyRotation: { schedule: '@weekly' } });
    expect(only(synthesised(chart), 'CephCluster')).toMatchSnapshot();
  });

  test.each<[string, Partial<RookKmsProps>, string]>([
    [
      'the method token without a Secret',
      { kms: { ...vault, auth: { method: 'token' }, secrets: {} } },
      'secrets.token',
    ],
    [
      'a token Secret that will have no token',
      { kms: { ...vault, auth: { method: 'token' }, secrets: { token: { name: 't', keys: ['tokn'] } } } },
      'the Secret t without token',
    ],
    [
      'trap 8: a CA Secret with the key of cert-manager',
      { kms: { ...vault, secrets: { ca: { name: 'ca', keys: ['ca.crt'] } } } },
      'test/kms.kms.secrets.ca: got the Secret ca without cert',
    ],
    [
      'trap 8: a CA of another namespace',
      { kms: { ...vault, secrets: { ca: { name: 'ca', namespace: 'vault' } } } },
      'allowed: a Secret in the namespace rook-ceph',
    ],
    [
      'credentials of ceph-csi, which lack what Rook reads',
      { kms: { provider: 'kmip', endpoint: 'k:1', credentials: { name: 'k', keys: ['CA_CERT', 'CLIENT_CERT'] } } },
      'without CLIENT_KEY',
    ],
    [
      'a timeout that does not fit into eight bits',
      { kms: { provider: 'kmip', endpoint: 'k:1', readTimeoutSeconds: 256, credentials: { name: 'k' } } },
      'readTimeoutSeconds',
    ],
    [
      'R2: rotation that Rook cannot do',
      { kms: { provider: 'kmip', endpoint: 'k:1', credentials: { name: 'k' } }, keyRotation: { schedule: '@weekly' } },
      'trap 9',
    ],
    ['a schedule that is none', { keyRotation: { schedule: 'weekly' } }, 'is not a schedule'],
  ])('refuses %s', (_, props, message) => {
    expect(() => declare(props)).toThrow(message);
  });

  test('trap 9: refuses a provider that Rook does not have, in the compiler and at synth', () => {
    // @ts-expect-error Rook has no AWS
    expect(() => declare({ kms: { provider: 'aws-metadata', credentials: { name: 'c' } } })).toThrow(
      'got "aws-metadata"; allowed: vault, ibmkeyprotect, kmip, azure-kv.',
    );
  });

  test('sees at synth that a Secret made beside it lacks the key', () => {
    const chart = new Chart(Testing.app(), 'test', { namespace: 'rook-ceph' });
    const token = new DevOnlyInlineSecret(chart, 'token', { metadata: { name: 't' }, stringData: { tok: 'x' } });
    const make = () => new RookKms(chart, 'kms', { kms: { ...vault, auth: { method: 'token' }, secrets: { token } } });
    expect(make).toThrow('the Secret t without token');
  });
});

describe('RookObjectStoreSecurity', () => {
  const transit = { address, engine: { type: 'transit' }, auth: 'token', secrets: { token: { name: 't' } } } as const;
  const kv = { ...transit, engine: { type: 'kv', path: 'rgw', version: 2 } } as const;
  const declareStore = (props: RookObjectStoreSecurityProps) => {
    const chart = new Chart(Testing.app(), 'test', { namespace: 'rook-ceph' });
    return { chart, security: new RookObjectStoreSecurity(chart, 'store', props) };
  };

  test('SSE-KMS with KV 2, SSE-S3 with transit through an agent', () => {
    const s3 = { address: 'http://127.0.0.1:8100', engine: { type: 'transit' }, auth: 'agent' } as const;
    const { chart, security } = declareStore({ kms: kv, s3, patchObjectStore: 'store' });
    expect(security.securityBlock.s3).not.toHaveProperty('tokenSecretName');
    expect(only(synthesised(chart), 'CephObjectStore')).toMatchSnapshot();
  });

  test('trap 9: refuses KV for SSE-S3, KV 1, and an agent with a token', () => {
    expect(() => declareStore({ s3: kv })).toThrow('is not transit, and SSE-S3 has no other');
    // @ts-expect-error KV 1 has no versions, which RGW needs
    expect(() => declareStore({ kms: { ...kv, engine: { type: 'kv', path: 'rgw', version: 1 } } })).toThrow('version');
    expect(() => declareStore({ kms: { ...transit, auth: 'agent' } })).toThrow('secrets.token');
    expect(() => declareStore({})).toThrow('got neither kms nor s3');
  });
});
