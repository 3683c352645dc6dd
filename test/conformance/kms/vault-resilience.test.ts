/** The `vault` KMS while a real OpenBao is sealed, gone, throttling or takes the token away: codes, and recovery without a new object. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VaultKmsProps } from '../../../lib/schema/kms';
import { Kms } from '../../../runtime/kms/kms';
import { vaultProvider } from '../../../runtime/kms/vault/provider';
import type { Secret } from '../../../runtime/secret';
import { createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';
import { MemoryStore } from './memory-store';
import { startVaultFixture, type VaultFixture } from './vault-fixture';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };
const unused = new MemoryStore();
const ref = { volumeId: 'pvc-1', owner: 'shop' };

describeWith(['openbao', 'openssl'], 'resilience of the vault KMS on OpenBao', () => {
  let fixture: VaultFixture;
  let tokenFile: string;
  let kms: Kms;
  const open = (attempts = 5, tls: VaultKmsProps['tls'] = { caFile: fixture.caFile }) =>
    new Kms(
      { kmsId: 'vault', attempts },
      vaultProvider(
        fixture.settings({
          backendPath: 'kv',
          auth: { method: 'token', tokenFile },
          ...(tls && { tls }),
        }),
      ),
    );

  beforeAll(async () => {
    fixture = await startVaultFixture({ tls: true, storage: 'file' });
    tokenFile = await fixture.prepare('kv', 2);
    kms = open();
    await kms.ensure(ref, none, unused);
  });
  afterAll(async () => {
    await kms?.close();
    await fixture?.stop();
  });

  const newToken = async () =>
    (await fixture.bao.expectOk('POST', 'auth/token/create', { policies: ['kv'], ttl: '1h' })).body.auth.client_token;

  test.each([
    ['a server name of the certificate', () => ({ caFile: fixture.caFile, serverName: 'localhost' })],
    ['no verification, when the configuration says so', () => ({ verify: false })],
  ])('TLS with %s', async (_, tls) => {
    const other = open(5, tls());
    await expect(other.fetch(ref, none, unused)).resolves.toBeDefined();
    await other.close();
  });

  test('a CA that is replaced counts at the next call', async () => {
    const caFile = join(fixture.folder, 'late-ca.pem');
    writeFileSync(caFile, (await createCertificateAuthority(fixture.folder)).caPem);
    const other = open(5, { caFile });
    await expect(other.fetch(ref, none, unused)).toRejectWithCode('KMS_TLS_UNTRUSTED');
    writeFileSync(caFile, fixture.bao.caPem ?? '');
    await expect(other.fetch(ref, none, unused)).resolves.toBeDefined();
    await other.close();
  });

  test('sealed: KMS_SEALED; unsealed: works again', async () => {
    await fixture.bao.seal();
    await expect(kms.fetch(ref, none, unused)).toRejectWithCode('KMS_SEALED');
    await expect(open().fetch(ref, none, unused)).toRejectWithCode('KMS_SEALED');
    await fixture.bao.unseal();
    await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
  });

  test('stopped: KMS_UNREACHABLE; started again: works again', async () => {
    await fixture.bao.halt();
    await expect(kms.fetch(ref, none, unused)).toRejectWithCode('KMS_UNREACHABLE');
    await fixture.bao.resume();
    await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
  });

  test('restarted between two calls: the kept connection that died is not noticed by the caller', async () => {
    await kms.fetch(ref, none, unused);
    await fixture.bao.restart();
    await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
  });

  test('token revoked: KMS_DENIED; another token in the file: works again', async () => {
    const token = await newToken();
    writeFileSync(tokenFile, token);
    await kms.fetch(ref, none, unused);
    await fixture.bao.expectOk('POST', 'auth/token/revoke', { token });
    await expect(kms.fetch(ref, none, unused)).toRejectWithCode('KMS_DENIED');
    writeFileSync(tokenFile, await newToken());
    await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
  });

  test('a token that may not do this: KMS_DENIED, and refusals cost no logins (R9)', async () => {
    const { body } = await fixture.bao.expectOk('POST', 'auth/token/create', { policies: ['default'] });
    writeFileSync(tokenFile, body.auth.client_token);
    const before = fixture.audited().length;
    for (let call = 0; call < 20; call += 1) await expect(kms.fetch(ref, none, unused)).toRejectWithCode('KMS_DENIED');
    const requests = fixture.audited().slice(before);
    expect(requests.filter((line) => line.includes('lookup-self')).length).toBeLessThanOrEqual(2);
    writeFileSync(tokenFile, await newToken());
    await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
  });

  test('a token with a short life is renewed, not replaced', async () => {
    const created = await fixture.bao.expectOk('POST', 'auth/token/create', { policies: ['kv'], period: '3s' });
    writeFileSync(tokenFile, created.body.auth.client_token);
    const before = fixture.audited().length;
    const until = Date.now() + 7_000;
    while (Date.now() < until) {
      await kms.fetch(ref, none, unused);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const requests = fixture.audited().slice(before);
    expect(requests.filter((line) => line.includes('lookup-self'))).toHaveLength(1);
    expect(requests.filter((line) => line.includes('renew-self')).length).toBeGreaterThanOrEqual(2);
    writeFileSync(tokenFile, await newToken());
  });

  test('throttled for good: KMS_THROTTLED after repeats; throttled for a while: not noticed', async () => {
    const quota = 'sys/quotas/rate-limit/kv';
    await fixture.bao.expectOk('POST', 'sys/quotas/config', { enable_rate_limit_response_headers: true });
    await fixture.bao.expectOk('POST', quota, { path: 'kv/', rate: 1, interval: '1s' });
    const answers = await Promise.allSettled(Array.from({ length: 4 }, () => kms.fetch(ref, none, unused)));
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);

    await fixture.bao.expectOk('POST', quota, { path: 'kv/', rate: 1, interval: '300s' });
    await fixture.bao.request('GET', 'kv/data/uses-up-the-quota');
    const before = Date.now();
    const error = await open(2)
      .fetch(ref, none, unused)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toMatchObject({ code: 'KMS_THROTTLED', status: 429 });
    // The server asked for minutes; a pause is never longer than five seconds.
    expect(Date.now() - before).toBeGreaterThan(4_500);
    await fixture.bao.expectOk('DELETE', quota);
    await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
  });

  test('1,000 volume operations cost 1,000 reads and a handful of logins, counted by the audit log (R9)', async () => {
    const fresh = open();
    const before = fixture.audited().length;
    for (let batch = 0; batch < 20; batch += 1) {
      await Promise.all(Array.from({ length: 50 }, () => fresh.fetch(ref, none, unused)));
    }
    const requests = fixture.audited().slice(before);
    const reads = requests.filter((line) => line === 'read kv/data/pvc-1');
    expect(reads).toHaveLength(1_000);
    expect(requests.length - reads.length).toBeLessThanOrEqual(5);
    await fresh.close();
  });
});
