/** KMS type `metadata` against the conformance suite, with both sources of its passphrase. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kms } from '../../../runtime/kms/kms';
import { metadataProvider } from '../../../runtime/kms/metadata/provider';
import { mountedSecrets } from '../../../runtime/kms/mounted-secrets';
import { Secret } from '../../../runtime/secret';
import vector from '../../fixtures/kms/metadata.json';
import { describeKmsProvider } from './kms-conformance';
import { MemoryStore } from './memory-store';

jest.setTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), 'keyward-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));
const reader = mountedSecrets(folder);
const secretsOf = (passphrase: string) => new Map([['encryptionPassphrase', Secret.fromText(passphrase)]]);

function mount(namespace: string, name: string, value: string): void {
  mkdirSync(join(folder, namespace, name), { recursive: true });
  writeFileSync(join(folder, namespace, name, 'encryptionPassphrase'), value);
}

const traits = { family: 'wraps', isAtomic: true } as const;

describeKmsProvider('metadata (request secret)', traits, async () => ({
  makeProvider: () => metadataProvider({ type: 'metadata' }, { secrets: reader }),
  context: () => ({ secrets: secretsOf('correct horse battery') }),
  faults: [
    {
      name: 'another passphrase',
      code: 'KMS_CIPHERTEXT_INVALID',
      context: () => ({ secrets: secretsOf('correct horse battery\n') }),
    },
    { name: 'an empty passphrase', code: 'SECRET_MISSING', context: () => ({ secrets: secretsOf('') }) },
    { name: 'no passphrase', code: 'SECRET_MISSING', context: () => ({ secrets: new Map() }) },
  ],
}));

describeKmsProvider("metadata (the tenant's mounted Secret)", traits, async () => {
  mount('shop', 'storage-encryption', 'a passphrase\n');
  const settings = { type: 'metadata', secretName: 'storage-encryption' } as const;
  return {
    makeProvider: () => metadataProvider(settings, { secrets: reader }),
    context: () => ({ secrets: new Map() }),
    faults: [],
  };
});

describe('metadata', () => {
  const open = (settings: { readonly secretName?: string; readonly secretNamespace?: string }) =>
    new Kms({ kmsId: 'metadata' }, metadataProvider({ type: 'metadata', ...settings }, { secrets: reader }));
  const none = { secrets: new Map<string, Secret>() };

  test('unwraps what ceph-csi wrapped', async () => {
    const { volumeId, wrapped, dek, passphrase } = vector;
    const ref = { volumeId, owner: '' };
    const found = await open({}).fetch(ref, { secrets: secretsOf(passphrase) }, new MemoryStore(wrapped));
    expect(found.dek.equals(Secret.fromText(dek))).toBe(true);
  });

  test('takes the Secret of the namespace in its settings, not of the tenant, when there is one', async () => {
    mount('crypto', 'shared', 'of crypto');
    const [ref, store] = [{ volumeId: 'pvc-1', owner: 'shop' }, new MemoryStore()];
    const { dek } = await open({ secretName: 'shared', secretNamespace: 'crypto' }).ensure(ref, none, store);
    const same = await open({}).fetch(ref, { secrets: secretsOf('of crypto') }, store);
    expect(same.dek.equals(dek)).toBe(true);
  });

  test('does not trim: a final newline is part of the passphrase', async () => {
    mount('shop', 'newline', 'with newline\n');
    const [ref, store] = [{ volumeId: 'pvc-1', owner: 'shop' }, new MemoryStore()];
    await open({ secretName: 'newline' }).ensure(ref, none, store);
    const trimmed = open({}).fetch(ref, { secrets: secretsOf('with newline') }, store);
    await expect(trimmed).toRejectWithCode('KMS_CIPHERTEXT_INVALID');
  });

  test('reads the Secret at each call, so that a correction counts at once', async () => {
    const [ref, store, kms] = [{ volumeId: 'pvc-1', owner: 'shop' }, new MemoryStore(), open({ secretName: 'late' })];
    await expect(kms.ensure(ref, none, store)).toRejectWithCode('SECRET_MISSING');
    mount('shop', 'late', 'here now');
    await expect(kms.ensure(ref, none, store)).resolves.toBeDefined();
  });

  test('refuses a volume without a known tenant when the Secret is the tenant’s', async () => {
    const kms = open({ secretName: 'storage-encryption' });
    await expect(kms.ensure({ volumeId: 'pvc-1', owner: '' }, none, new MemoryStore())).toRejectWithCode(
      'SECRET_MISSING',
    );
  });

  test('keeps a tenant out of the Secrets of another', async () => {
    const kms = open({ secretName: 'storage-encryption' });
    const ref = { volumeId: 'pvc-1', owner: '../shop' };
    await expect(kms.ensure(ref, none, new MemoryStore())).toRejectWithCode('REQUEST_INVALID');
  });
});
