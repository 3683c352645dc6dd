/** KMS type `metadata` with the Secret of each tenant, which comes from a real Kubernetes API through the tenant agent. */
import type { Secret } from '../../../runtime/secret';
import { describeWith } from '../../harness/describe-with';
import { describeKmsProvider } from './kms-conformance';
import { startTenantFixture, type TenantFixture } from './tenant-fixture';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'on kube-apiserver', () => {
  let fixture: TenantFixture;

  beforeAll(async () => {
    fixture = await startTenantFixture(() => ({
      own: { type: 'metadata', secretName: 'phrase' },
      other: { type: 'metadata', secretName: 'other-phrase' },
      absent: { type: 'metadata', secretName: 'absent' },
      keyless: { type: 'metadata', secretName: 'keyless' },
      central: { type: 'metadata', secretName: 'central', secretNamespace: 'stranger' },
    }));
    await fixture.putSecret('shop', 'phrase', { encryptionPassphrase: 'a passphrase\n' });
    await fixture.putSecret('shop', 'other-phrase', { encryptionPassphrase: 'a passphrase' });
    await fixture.putSecret('shop', 'keyless', { passphrase: 'x' });
    await fixture.putSecret('stranger', 'central', { encryptionPassphrase: 'central' });
  });
  afterAll(() => fixture?.stop());

  const fault = (name: string, code: string, kmsId: string, changes: object = {}) => ({
    name,
    code,
    makeProvider: () => fixture.provider(kmsId, changes),
  });

  describeKmsProvider('metadata (a Secret of the tenant)', { family: 'wraps', isAtomic: true }, async () => ({
    makeProvider: () => fixture.provider('own'),
    context: () => none,
    faults: [
      fault('another passphrase', 'KMS_CIPHERTEXT_INVALID', 'other'),
      fault('no Secret', 'SECRET_MISSING', 'absent'),
      fault('a Secret without the key', 'SECRET_MISSING', 'keyless'),
      fault('a Secret that the agent does not serve', 'KMS_DENIED', 'own', { secretName: 'default-token' }),
    ],
  }));

  describeKmsProvider('metadata (one Secret in another namespace)', { family: 'wraps', isAtomic: true }, async () => ({
    makeProvider: () => fixture.provider('central'),
    context: () => none,
    faults: [],
  }));
});
