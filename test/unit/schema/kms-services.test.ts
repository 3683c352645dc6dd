/** The sections of kmip, the cloud types and vaulttransit: ceph-csi's spellings and strictness. */
import fc from 'fast-check';
import {
  decodeKmsSection,
  type KmsProps,
  type KmsSettings,
  kmsSecretSources,
  kmsTypes,
  settleKms,
} from '../../../lib/schema/kms';
import { serviceSettings } from './arbitraries-services';
import { issuesOf } from './issues-of';

const read = (section: Readonly<Record<string, unknown>>) => decodeKmsSection('k', section);
const pathsOf = (section: Readonly<Record<string, unknown>>) => issuesOf(() => read(section)).map(({ path }) => path);

test('R3: every section round trips for all settings', () => {
  fc.assert(
    fc.property(serviceSettings, (settings: KmsSettings) => {
      const { section } = kmsTypes[settings.type];
      expect(read(section.encode(settings as never) as Record<string, unknown>)).toEqual(settings);
    }),
  );
});

test.each<readonly [string, Readonly<Record<string, unknown>>, KmsSettings]>([
  [
    'kmip',
    {
      KMS_PROVIDER: 'kmip',
      KMIP_ENDPOINT: 'kmip.sec.svc:5696',
      TLS_SERVER_NAME: 'kmip.sec',
      READ_TIMEOUT: 15,
      WRITE_TIMEOUT: 15,
      USE_CRYPTO_RPC: 'true',
    },
    {
      type: 'kmip',
      endpoint: 'kmip.sec.svc:5696',
      secretName: 'ceph-csi-kmip-credentials',
      serverName: 'kmip.sec',
      readTimeoutSeconds: 15,
      writeTimeoutSeconds: 15,
      useCryptoRpc: true,
    },
  ],
  [
    'kmip with defaults',
    { encryptionKMSType: 'kmip', KMIP_ENDPOINT: '[::1]:5696', TLS_SERVER_NAME: '' },
    {
      type: 'kmip',
      endpoint: '[::1]:5696',
      secretName: 'ceph-csi-kmip-credentials',
      readTimeoutSeconds: 10,
      writeTimeoutSeconds: 10,
      useCryptoRpc: true,
    },
  ],
  [
    'aws-metadata',
    { KMS_PROVIDER: 'aws-metadata', AWS_REGION: 'us-west-2' },
    { type: 'aws-metadata', region: 'us-west-2', secretName: 'ceph-csi-aws-credentials' },
  ],
  [
    'aws-sts-metadata',
    { encryptionKMSType: 'aws-sts-metadata', secretName: 'tenant-aws' },
    { type: 'aws-sts-metadata', secretName: 'tenant-aws' },
  ],
  [
    'azure-kv',
    {
      KMS_PROVIDER: 'azure-kv',
      AZURE_VAULT_URL: 'https://keys.vault.azure.net/',
      AZURE_CLIENT_ID: 'c',
      AZURE_TENANT_ID: 't',
      AZURE_CERT_SECRET_NAME: 'azure',
    },
    { type: 'azure-kv', vaultUrl: 'https://keys.vault.azure.net/', clientId: 'c', tenantId: 't', secretName: 'azure' },
  ],
  [
    'ibmkeyprotect',
    { KMS_PROVIDER: 'ibmkeyprotect', IBM_KP_SERVICE_INSTANCE_ID: 'i', IBM_KP_REGION: 'us-south-2' },
    {
      type: 'ibmkeyprotect',
      serviceInstanceId: 'i',
      secretName: 'ceph-csi-kp-credentials',
      baseUrl: 'https://us-south.kms.cloud.ibm.com',
      tokenUrl: 'https://iam.cloud.ibm.com/oidc/token',
    },
  ],
  [
    'vaulttransit',
    {
      encryptionKMSType: 'vaulttransit',
      vaultAddress: 'https://vault:8200',
      vaultTransitKey: 'volumes',
      vaultAuthPath: '/v1/auth/k8s/login',
      vaultRole: 'keyward',
      vaultNamespace: 'team-a',
    },
    {
      type: 'vaulttransit',
      transitPath: 'transit',
      keyName: 'volumes',
      address: 'https://vault:8200',
      namespace: 'team-a',
      authNamespace: 'team-a',
      tls: { verify: true },
      auth: {
        method: 'kubernetes',
        mountPath: 'k8s',
        role: 'keyward',
        tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      },
    },
  ],
])('reads a section of %s', (_, section, settings) => {
  expect(read(section)).toEqual(settings);
});

const kmip = { encryptionKMSType: 'kmip', KMIP_ENDPOINT: 'kmip:5696' };
const aws = { encryptionKMSType: 'aws-metadata', AWS_REGION: 'eu-central-1' };
const azure = {
  encryptionKMSType: 'azure-kv',
  AZURE_VAULT_URL: 'https://k.vault.azure.net',
  AZURE_CLIENT_ID: 'c',
  AZURE_TENANT_ID: 't',
};
const ibm = { encryptionKMSType: 'ibmkeyprotect', IBM_KP_SERVICE_INSTANCE_ID: 'i' };
const transit = {
  encryptionKMSType: 'vaulttransit',
  vaultAddress: 'https://vault:8200',
  vaultTransitKey: 'k',
  vaultAuthMethod: 'token',
  vaultTokenFile: '/t',
};

test.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
  ['no endpoint', { encryptionKMSType: 'kmip' }, 'KMIP_ENDPOINT'],
  ['an endpoint without a port', { ...kmip, KMIP_ENDPOINT: 'kmip' }, 'KMIP_ENDPOINT'],
  ['an endpoint with a scheme', { ...kmip, KMIP_ENDPOINT: 'https://kmip:5696' }, 'KMIP_ENDPOINT'],
  ['a port that is none', { ...kmip, KMIP_ENDPOINT: 'kmip:70000' }, 'KMIP_ENDPOINT'],
  ['a timeout in quotes, as ceph-csi does', { ...kmip, READ_TIMEOUT: '10' }, 'READ_TIMEOUT'],
  ['a real boolean, as ceph-csi does', { ...kmip, USE_CRYPTO_RPC: true }, 'USE_CRYPTO_RPC'],
  ['a word that is no boolean', { ...kmip, USE_CRYPTO_RPC: 'yes' }, 'USE_CRYPTO_RPC'],
  ['a misspelt key', { ...kmip, KMIP_ENDPIONT: 'x' }, 'KMIP_ENDPIONT'],
  ['no region', { encryptionKMSType: 'aws-metadata' }, 'AWS_REGION'],
  ['a region that is another host', { ...aws, AWS_REGION: 'x.example.com/' }, 'AWS_REGION'],
  ['an endpoint without TLS', { ...aws, AWS_ENDPOINT_URL: 'http://aws.example.com' }, 'AWS_ENDPOINT_URL'],
  ['a name that no Secret can have', { ...aws, KMS_SECRET_NAME: 'A_B' }, 'KMS_SECRET_NAME'],
  ['no vault', { ...azure, AZURE_VAULT_URL: undefined }, 'AZURE_VAULT_URL'],
  ['a vault without TLS', { ...azure, AZURE_VAULT_URL: 'http://k.vault.azure.net' }, 'AZURE_VAULT_URL'],
  ['a vault with a user', { ...azure, AZURE_VAULT_URL: 'https://u:p@k.vault.azure.net' }, 'AZURE_VAULT_URL'],
  ['a directory that leads out of the path', { ...azure, AZURE_TENANT_ID: '../x' }, 'AZURE_TENANT_ID'],
  ['an empty instance', { ...ibm, IBM_KP_SERVICE_INSTANCE_ID: '' }, 'IBM_KP_SERVICE_INSTANCE_ID'],
  ['keys of the sample that does not work', { ...ibm, keyProtectRegionKey: 'x' }, 'keyProtectRegionKey'],
  ['no transit key', { ...transit, vaultTransitKey: undefined }, 'vaultTransitKey'],
  ['a transit key that is a path', { ...transit, vaultTransitKey: 'a/../b' }, 'vaultTransitKey'],
  ['a key of a KV engine', { ...transit, vaultBackendPath: 'kv' }, 'vaultBackendPath'],
  ['a connection that is wrong', { ...transit, vaultCAVerify: true }, 'vaultCAVerify'],
])('refuses %s', (_, section, path) => {
  const given = Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined));
  expect(pathsOf(given)).toContain(path);
});

test.each([
  [256, 0],
  [300, 44],
  [-1, 255],
  [1.9, 1],
  [0, 0],
])('a KMIP timeout of %d is %d, as eight bits of Go are', (seconds, expected) => {
  expect(read({ ...kmip, READ_TIMEOUT: seconds })).toMatchObject({ readTimeoutSeconds: expected });
});

test('takes http for this machine only', () => {
  for (const url of ['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1']) {
    expect(read({ ...aws, AWS_ENDPOINT_URL: url })).toMatchObject({ endpointUrl: url });
  }
  for (const url of ['http://127.0.0.1.example.com', 'http://10.0.0.1', 'ftp://127.0.0.1', 'https://', 'https://x y']) {
    expect(pathsOf({ ...aws, AWS_ENDPOINT_URL: url })).toEqual(['AWS_ENDPOINT_URL']);
  }
});

test.each<readonly [KmsProps, readonly string[]]>([
  [{ type: 'kmip', endpoint: 'kmip:5696' }, ['CA_CERT', 'CLIENT_CERT', 'CLIENT_KEY', 'UNIQUE_IDENTIFIER']],
  [
    { type: 'aws-metadata', region: 'eu-central-1' },
    ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_CMK_ARN', 'AWS_SESSION_TOKEN'],
  ],
  [
    { type: 'ibmkeyprotect', serviceInstanceId: 'i' },
    ['IBM_KP_SERVICE_API_KEY', 'IBM_KP_CUSTOMER_ROOT_KEY', 'IBM_KP_SESSION_TOKEN', 'IBM_KP_CRK_ARN'],
  ],
  [{ type: 'azure-kv', vaultUrl: 'https://k.vault.azure.net', clientId: 'c', tenantId: 't' }, ['CLIENT_CERT']],
])('%j takes its credentials from a Secret of the driver', (props, keys) => {
  const sources = kmsSecretSources(settleKms('k', props));
  expect(sources.map((source) => ('key' in source ? source.key : ''))).toEqual(keys);
  expect(sources.every(({ from }) => from === 'driver-secret')).toBe(true);
});

test('aws-sts-metadata takes them from the tenant, with a projected token of its own audience', () => {
  expect(kmsSecretSources(settleKms('k', { type: 'aws-sts-metadata' }))).toEqual([
    ...['awsRoleARN', 'awsCMKARN', 'awsRegion'].map((key) => ({
      from: 'secret',
      name: 'ceph-csi-aws-credentials',
      key,
    })),
    { from: 'service-account', tokenFile: '/run/secrets/tokens/oidc-token', audience: 'sts.amazonaws.com' },
  ]);
});
