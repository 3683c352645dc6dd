import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '../../../../runtime/errors';
import type { TenantDirectory } from '../../../../runtime/kms/tenant-directory';
import { mountedOrOfTenant } from '../../../../runtime/kms/tenant-secrets';
import { Secret } from '../../../../runtime/secret';

describe('Secrets by name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-tenant-secrets-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'shop', 'both'), { recursive: true });
  writeFileSync(join(folder, 'shop', 'both', 'key'), 'mounted');
  const directory = (answer: () => Promise<Secret | undefined>) => ({ secret: answer }) as unknown as TenantDirectory;
  const given = directory(async () => Secret.fromText('given'));
  const text = async (secret: Promise<Secret>) => (await secret).use((bytes) => bytes.toString());

  test('what is mounted counts before what the agent would give', async () => {
    expect(await text(mountedOrOfTenant(folder, given).read('shop', 'both', 'key'))).toBe('mounted');
    expect(await text(mountedOrOfTenant(folder, given).read('shop', 'other', 'key'))).toBe('given');
  });

  test('the agent is not asked for Secrets of the driver’s own namespace', async () => {
    const reader = mountedOrOfTenant(folder, given, 'keyward-system');
    await expect(reader.read('keyward-system', 'absent', 'key')).toRejectWithCode('SECRET_MISSING');
  });

  test('what the agent has not is missing, what it refuses is refused, and odd names reach nobody', async () => {
    const none = mountedOrOfTenant(
      folder,
      directory(async () => undefined),
    );
    await expect(none.read('shop', 'absent', 'key')).toRejectWithCode('SECRET_MISSING');
    const refusing = directory(() => Promise.reject(new CodedError('KMS_DENIED', 'no', { remedy: 'None.' })));
    await expect(mountedOrOfTenant(folder, refusing).read('shop', 'absent', 'key')).toRejectWithCode('KMS_DENIED');
    await expect(mountedOrOfTenant(folder, given).read('../shop', 'both', 'key')).toRejectWithCode('REQUEST_INVALID');
  });
});
