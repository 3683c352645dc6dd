import { environmentTypes, translateEnvironment } from '../../../lib/schema/kms';
import { issuesOf } from './issues-of';

const translate = (section: object) => translateEnvironment({ ...section }, 'KMS t');

describe('the environment spelling', () => {
  test('is translated for the two tenant types only', () => {
    expect(environmentTypes).toEqual(['vaulttokens', 'vaulttenantsa']);
  });

  test('gives all keys, with the defaults of ceph-csi', () => {
    expect(translate({ KMS_PROVIDER: 'vaulttokens', VAULT_ADDR: 'https://v', VAULT_SKIP_VERIFY: 'true' })).toEqual({
      encryptionKMSType: 'vaulttokens',
      vaultAddress: 'https://v',
      vaultBackend: '',
      vaultBackendPath: '',
      vaultDestroyKeys: 'true',
      vaultCAFromSecret: '',
      vaultTLSServerName: '',
      vaultClientCertFromSecret: '',
      vaultClientCertKeyFromSecret: '',
      vaultAuthNamespace: '',
      vaultNamespace: '',
      vaultCAVerify: 'false',
    });
  });

  test('matches keys in any case, and turns an unreadable VAULT_SKIP_VERIFY into an empty text', () => {
    expect(translate({ vault_addr: 'https://v', Vault_Skip_Verify: 'maybe' })).toMatchObject({
      vaultAddress: 'https://v',
      vaultCAVerify: '',
    });
  });

  test('R18: rejects values that are no strings and keys that ceph-csi would drop', () => {
    expect(issuesOf(() => translate({ VAULT_SKIP_VERIFY: true }))).toMatchObject([
      { path: 'VAULT_SKIP_VERIFY', got: 'a boolean' },
    ]);
    expect(issuesOf(() => translate({ VAULT_ADDRESS: 'x', tenantTokenName: 'y' }))).toMatchObject([
      { path: 'VAULT_ADDRESS', remedy: 'write "VAULT_ADDR"' },
      { path: 'tenantTokenName', remedy: 'use the camelCase spelling with encryptionKMSType' },
    ]);
  });
});
