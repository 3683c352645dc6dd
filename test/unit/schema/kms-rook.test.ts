import fc from 'fast-check';
import { decodeRookVault, encodeRookVault, type RookVaultConnection, settleKms } from '../../../lib/schema/kms';
import { address, dnsName } from './arbitraries';
import { issuesOf } from './issues-of';

const connection: fc.Arbitrary<RookVaultConnection> = fc
  .record({
    address,
    backend: fc.constantFrom('kv' as const, 'kv-v2' as const, 'detect' as const),
    backendPath: dnsName,
    namespace: fc.oneof(fc.constant(''), dnsName),
    verify: fc.boolean(),
    ca: fc.option(dnsName, { nil: undefined }),
    role: fc.option(dnsName, { nil: undefined }),
  })
  .map(({ verify, ca, role, ...rest }) => ({
    settings: settleKms('rook', {
      type: 'vault',
      ...rest,
      tls: { verify, ...(ca && { caFile: '/etc/vault/vault.ca' }) },
      auth: role
        ? { method: 'kubernetes', role, mountPath: 'k8s' }
        : { method: 'token', tokenFile: '/etc/vault/vault.token' },
    }),
    secrets: { ...(ca && { ca }), ...(!role && { token: 'rook-vault-token' }) },
  }));

const kms = {
  connectionDetails: {
    KMS_PROVIDER: 'vault',
    VAULT_ADDR: 'https://vault.sec.svc:8200',
    VAULT_CACERT: 'vault-ca',
    VAULT_AUTH_METHOD: 'kubernetes',
    VAULT_AUTH_KUBERNETES_ROLE: 'osd-keys',
    VAULT_AUTH_MOUNT_PATH: 'k8s-prod',
    VAULT_SECRET_ENGINE: 'kv',
    VAULT_BACKEND_PATH: 'storage/osd',
  },
};
const withDetails = (change: object) => ({ ...kms, connectionDetails: { ...kms.connectionDetails, ...change } });

describe("a vault KMS in Rook's spelling", () => {
  test('R3: decode(encode(x)) is x for all that Rook can say', () => {
    fc.assert(fc.property(connection, (it) => expect(decodeRookVault(encodeRookVault(it))).toEqual(it)));
  });

  test('decodes the block of the fact sheet', () => {
    expect(decodeRookVault(kms)).toMatchObject({
      settings: {
        backend: 'detect',
        backendPath: 'storage/osd',
        tls: { verify: true, caFile: '/etc/vault/vault.ca' },
        auth: { method: 'kubernetes', mountPath: 'k8s-prod', role: 'osd-keys' },
      },
      secrets: { ca: 'vault-ca' },
    });
  });

  test.each([
    ['v1', 'kv'],
    ['kv', 'kv'],
    ['v2', 'kv-v2'],
    ['kv-v2', 'kv-v2'],
  ])('trap 7: VAULT_BACKEND %s means %s', (text, backend) => {
    expect(decodeRookVault(withDetails({ VAULT_BACKEND: text })).settings.backend).toBe(backend);
  });

  test('rejects a role that is missing, a token Secret that is missing, and misspelt keys', () => {
    const { VAULT_AUTH_KUBERNETES_ROLE: _, ...rest } = kms.connectionDetails;
    expect(issuesOf(() => decodeRookVault({ connectionDetails: rest }))).toMatchObject([
      { path: 'connectionDetails.VAULT_AUTH_KUBERNETES_ROLE', message: 'is missing' },
    ]);
    expect(issuesOf(() => decodeRookVault(withDetails({ VAULT_AUTH_METHOD: 'token' })))).toMatchObject([
      { path: 'tokenSecretName' },
    ]);
    expect(issuesOf(() => decodeRookVault(withDetails({ VAULT_ADR: 'x' })))).toMatchObject([
      { path: 'connectionDetails.VAULT_ADR', remedy: 'write "VAULT_ADDR", or remove it' },
    ]);
    expect(issuesOf(() => decodeRookVault(withDetails({ VAULT_CAPATH: '/x' })))).toMatchObject([
      { message: 'is not a known key' },
    ]);
  });

  test('refuses to encode what Rook has no word for', () => {
    const settings = settleKms('v', {
      type: 'vault',
      address: 'https://v',
      passphrasePath: 'p',
      deletion: 'recoverable',
      namespace: 'a',
      authNamespace: 'b',
      auth: { method: 'token', tokenFile: '/elsewhere' },
    });
    expect(issuesOf(() => encodeRookVault({ settings, secrets: {} })).map(({ path }) => path)).toEqual([
      'settings.passphrasePath',
      'settings.deletion',
      'settings.authNamespace',
      'settings.auth.tokenFile',
      'secrets.token',
    ]);
  });
});
