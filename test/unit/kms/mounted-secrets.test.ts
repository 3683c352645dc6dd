import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountedSecrets } from '../../../runtime/kms/mounted-secrets';

const folder = mkdtempSync(join(tmpdir(), 'keyward-mounted-'));
const reader = mountedSecrets(join(folder, 'secrets'));
const secret = join(folder, 'secrets', 'crypto', 'storage');

beforeAll(() => {
  // As the kubelet mounts it: the key is a link into a folder that it replaces as a whole.
  mkdirSync(join(secret, '..2026'), { recursive: true });
  writeFileSync(join(secret, '..2026', 'encryptionPassphrase'), ' text\n');
  symlinkSync('..2026', join(secret, '..data'));
  symlinkSync(join('..data', 'encryptionPassphrase'), join(secret, 'encryptionPassphrase'));
  writeFileSync(join(secret, 'empty'), '');
  writeFileSync(join(secret, 'large'), '');
  truncateSync(join(secret, 'large'), 1024 * 1024 + 1);
  writeFileSync(join(folder, 'outside'), 'not for tenants');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('reads the value as it is', async () => {
  const value = await reader.read('crypto', 'storage', 'encryptionPassphrase');
  expect(value.use((bytes) => bytes.toString())).toBe(' text\n');
});

test.each([
  ['crypto', 'storage', 'absent'],
  ['crypto', 'absent', 'encryptionPassphrase'],
  ['absent', 'storage', 'encryptionPassphrase'],
  ['crypto', 'storage', 'empty'],
  ['crypto', 'storage', 'large'],
])('tells %s/%s key %s as SECRET_MISSING', async (namespace, name, key) => {
  await expect(reader.read(namespace, name, key)).toRejectWithCode('SECRET_MISSING');
});

test.each([
  ['..', '..', 'outside'],
  ['crypto/..', 'storage', 'empty'],
  ['crypto', '../../..', 'outside'],
  ['crypto', 'storage', '../../../outside'],
  ['crypto', 'storage', '..'],
  ['crypto', 'storage', '..data'],
  ['', 'storage', 'empty'],
  ['crypto', '', 'empty'],
  ['crypto', 'storage', ''],
  ['Crypto', 'storage', 'empty'],
  ['crypto', 'storage', 'empty\0'],
])('refuses the names %j, %j, %j', async (namespace, name, key) => {
  await expect(reader.read(namespace, name, key)).toRejectWithCode('REQUEST_INVALID');
});
