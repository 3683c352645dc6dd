import fc from 'fast-check';
import { decodeKmsSection, kmsSecretSources, kmsTypes, settleKms } from '../../../lib/schema/kms';
import { vaultSettings } from './arbitraries';
import { issuesOf } from './issues-of';

const section = {
  encryptionKMSType: 'vault',
  vaultAddress: 'https://vault.sec.svc:8200',
  vaultBackend: 'kv-v2',
  vaultAuthPath: '/v1/auth/k8s/prod/login',
  vaultRole: 'csi-kubernetes',
  vaultPassphraseRoot: '/v1/storage',
  vaultPassphrasePath: 'ceph-csi/',
  vaultDestroyKeys: 'false',
  vaultCAVerify: 'true',
  vaultCAFromSecret: 'vault-ca.pem',
};
const decode = (change: object) => decodeKmsSection('eu', { ...section, ...change });
const vault = (change: object) => {
  const settings = decode(change);
  if (settings.type !== 'vault') throw new Error('expected vault settings');
  return settings;
};

describe('a vault section in ceph-csi spelling', () => {
  test('decodes the section of the fact sheet', () => {
    expect(decode({})).toEqual({
      type: 'vault',
      address: 'https://vault.sec.svc:8200',
      backend: 'kv-v2',
      backendPath: 'storage',
      passphrasePath: 'ceph-csi/',
      deletion: 'recoverable',
      namespace: '',
      authNamespace: '',
      tls: { verify: true, caFromSecret: 'vault-ca.pem' },
      auth: {
        method: 'kubernetes',
        mountPath: 'k8s/prod',
        role: 'csi-kubernetes',
        tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      },
    });
  });

  test('R3: decode(encode(x)) is x for all settings', () => {
    fc.assert(
      fc.property(vaultSettings, (settings) => {
        expect(decodeKmsSection('any', kmsTypes.vault.section.encode(settings))).toEqual(settings);
      }),
    );
  });

  test('gives frozen settings', () => {
    const settings = vault({});
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.tls) && Object.isFrozen(settings.auth)).toBe(true);
  });

  test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('trap 1: vaultCAVerify %j is true, as Go parses it', (text) => {
    expect(vault({ vaultCAVerify: text }).tls.verify).toBe(true);
  });

  test.each(['0', 'f', 'F', 'FALSE', 'false', 'False'])(
    'trap 1: vaultCAVerify %j is false, as Go parses it',
    (text) => {
      expect(vault({ vaultCAVerify: text }).tls.verify).toBe(false);
    },
  );

  test.each(['yes', '', 'tRUE', 'on'])('trap 1: rejects vaultCAVerify %j', (text) => {
    expect(issuesOf(() => decode({ vaultCAVerify: text }))).toMatchObject([
      { path: 'vaultCAVerify', remedy: 'write "true" or "false"' },
    ]);
  });

  test('trap 1: rejects a real boolean and says to quote it', () => {
    expect(issuesOf(() => decode({ vaultCAVerify: true }))).toMatchObject([
      { path: 'vaultCAVerify', message: 'must be a string', got: 'a boolean', remedy: 'put it in quotes: "true"' },
    ]);
  });

  test.each([
    ['true', true],
    ['True', false],
    ['1', false],
    ['yes', false],
    [undefined, true],
  ])('vaultDestroyKeys %j means %j, as in ceph-csi', (text, destroyed) => {
    const { vaultDestroyKeys: _, ...rest } = section;
    const settings = decodeKmsSection('eu', text === undefined ? rest : { ...rest, vaultDestroyKeys: text });
    expect(settings).toMatchObject({ deletion: destroyed ? 'destroy' : 'recoverable' });
  });

  test.each([
    ['kv', 'kv'],
    ['kv-v2', 'kv-v2'],
    ['', 'detect'],
    ['v2', 'detect'],
  ])('trap 7: vaultBackend %j means %j', (text, backend) => {
    expect(vault({ vaultBackend: text }).backend).toBe(backend);
  });

  test.each([
    ['/v1/auth/kubernetes/login', 'kubernetes'],
    ['auth/k8s', 'k8s'],
    ['/v1/auth/a/b/login', 'a/b'],
    ['kubernetes', 'kubernetes'],
  ])('vaultAuthPath %j is the mount %j', (text, mountPath) => {
    expect(vault({ vaultAuthPath: text }).auth).toMatchObject({ mountPath });
  });

  test('trap 7: an empty login namespace follows the namespace of the keys', () => {
    expect(vault({ vaultNamespace: 'platform', vaultAuthNamespace: '' }).authNamespace).toBe('platform');
    expect(vault({ vaultNamespace: 'platform', vaultAuthNamespace: 'root' }).authNamespace).toBe('root');
  });

  test.each(['vaultAddress', 'vaultAuthPath', 'vaultRole', 'vaultPassphrasePath'])(
    'rejects a section without %s',
    (key) => {
      const rest = Object.fromEntries(Object.entries(section).filter(([name]) => name !== key));
      expect(issuesOf(() => decodeKmsSection('eu', rest))).toMatchObject([{ path: key, message: 'is missing' }]);
    },
  );

  test('R18: rejects a misspelt key with the nearest and all allowed ones', () => {
    const [issue] = issuesOf(() => decode({ vaultBackendpath: 'x' }));
    expect(issue).toMatchObject({ path: 'vaultBackendpath', remedy: 'write "vaultBackendPath", or remove it' });
    expect(issue?.allowed).toContain('vaultTLSServerName');
  });

  test.each(['vault:8200', 'ftp://vault', 'https://', ''])('trap 8: rejects the address %j', (text) => {
    expect(issuesOf(() => decode({ vaultAddress: text }))[0]).toMatchObject({ path: 'vaultAddress' });
  });

  test('R11: rejects a password in the address without repeating it', () => {
    const issues = issuesOf(() => decode({ vaultAddress: 'https://me:canary@vault' }));
    expect(issues).toMatchObject([{ path: 'vaultAddress', message: 'contains "@"' }]);
    expect(JSON.stringify(issues)).not.toContain('canary');
  });

  test('rejects keys of the other auth method', () => {
    expect(issuesOf(() => decode({ vaultAuthMethod: 'token', vaultTokenFile: '/t' }))).toMatchObject([
      { path: 'vaultAuthPath', message: 'belongs to the auth method kubernetes' },
      { path: 'vaultRole' },
    ]);
    expect(issuesOf(() => decode({ vaultTokenFile: '/t' }))).toMatchObject([{ path: 'vaultTokenFile' }]);
  });

  test('KMS_PROVIDER selects the type, and the keys stay camelCase', () => {
    const { encryptionKMSType: _, ...rest } = section;
    expect(decodeKmsSection('eu', { KMS_PROVIDER: 'vault', ...rest })).toEqual(decode({}));
    expect(issuesOf(() => decodeKmsSection('eu', { KMS_PROVIDER: 'vault', VAULT_ADDR: 'https://v' }))).toContainEqual(
      expect.objectContaining({ path: 'VAULT_ADDR', message: 'is not a known key' }),
    );
  });
});

describe('a declared vault KMS', () => {
  test('trap 3: states the KV version and fills the other defaults', () => {
    const settings = settleKms('v', { type: 'vault', address: 'https://v', auth: { method: 'kubernetes', role: 'r' } });
    expect(settings).toMatchObject({
      backend: 'kv-v2',
      backendPath: 'secret/',
      deletion: 'destroy',
      tls: { verify: true },
    });
    expect(settings.auth).toMatchObject({ mountPath: 'kubernetes' });
  });

  test('says where its secrets come from', () => {
    const settings = settleKms('v', {
      type: 'vault',
      address: 'https://v',
      tls: { caFile: '/ca.pem' },
      auth: { method: 'token', tokenFile: '/token' },
    });
    expect(kmsSecretSources(settings)).toEqual([
      { from: 'file', path: '/ca.pem' },
      { from: 'file', path: '/token' },
    ]);
  });

  test('rejects a CA from two places, and a login at the root for keys in a namespace', () => {
    const tls = { caFile: '/ca.pem', caFromSecret: 'ca' };
    const auth = { method: 'token', tokenFile: '/t' } as const;
    expect(issuesOf(() => settleKms('v', { type: 'vault', address: 'https://v', auth, tls }))).toMatchObject([
      { path: 'tls', message: 'takes the CA from two places' },
    ]);
    const settled = settleKms('v', { type: 'vault', address: 'https://v', auth, namespace: 'a' });
    expect(issuesOf(() => kmsTypes.vault.section.encode({ ...settled, authNamespace: '' }))).toMatchObject([
      { path: 'authNamespace' },
    ]);
  });

  test('documents every option', () => {
    expect(Object.keys(kmsTypes.vault.options)).toEqual(
      expect.arrayContaining(['vaultAddress', 'vaultBackend', 'vaultAuthPath', 'vaultCAFromSecret', 'vaultTokenFile']),
    );
  });
});
