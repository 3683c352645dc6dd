/** Every way in which the KMS plugin logs in, on a real OpenBao with TLS. */
import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificateAuthority } from '../harness/certificates';
import { describeWith } from '../harness/describe-with';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { eventually, makeKey, run } from './kms-plugin-fixture';

jest.setTimeout(120_000);

describeWith(['openbao', 'openssl'], 'the KMS plugin logs in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-kms-auth-'));
  const path = (name: string) => join(folder, name);
  const plaintext = randomBytes(32);
  let bao: OpenBao;
  beforeAll(async () => {
    bao = await startOpenBao({ tls: true });
    writeFileSync(path('ca.pem'), bao.caPem ?? '');
    await makeKey(bao, 'kms');
  });
  afterAll(async () => {
    await bao?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const start = (flags: Readonly<Record<string, string>>) => run(bao, { 'vault-ca-cert': path('ca.pem'), ...flags });
  const write = (name: string, text: string): string => {
    writeFileSync(path(name), text);
    return path(name);
  };

  test('with user name and password, whose token is lost, without a failing call', async () => {
    await bao.expectOk('POST', 'sys/auth/people', { type: 'userpass' });
    await bao.expectOk('POST', 'auth/people/users/kms', { password: 'right horse', token_policies: 'kms' });
    await using plugin = await start({
      'auth-method': 'userpass',
      'userpass-mount': 'people',
      'userpass-username': 'kms',
      'userpass-password-file': write('password', 'right horse\n'),
    });
    await plugin.v2.encrypt({ plaintext });
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/people', { sync: true });
    await plugin.v2.encrypt({ plaintext });
    expect(plugin.logged()).not.toContain('right horse');
  });

  test('with AppRole and a response-wrapped secret id, again after its token is lost', async () => {
    await bao.expectOk('POST', 'sys/auth/approle', { type: 'approle' });
    await bao.expectOk('POST', 'auth/approle/role/kms', { token_policies: 'kms', token_ttl: '1h' });
    const { body: role } = await bao.expectOk('GET', 'auth/approle/role/kms/role-id');
    const wrap = async () => {
      const headers = { 'x-vault-wrap-ttl': '60s' };
      const { body } = await bao.expectOk('POST', 'auth/approle/role/kms/secret-id', {}, { headers });
      return body.wrap_info.token as string;
    };
    const file = write('wrapped', await wrap());
    const flags = {
      'auth-method': 'approle',
      'approle-role-id': role.data.role_id,
      'approle-secret-id-file': file,
      'approle-secret-id-wrapped': 'true',
    };
    await using plugin = await start(flags);
    await plugin.v2.encrypt({ plaintext });
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/approle', { sync: true });
    await plugin.v2.encrypt({ plaintext });
    // The wrapping token has been used: whoever comes second is told that it was.
    await using late = await start(flags);
    const error: unknown = await late.v2.encrypt({ plaintext }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'KMS_DENIED', details: expect.stringContaining('somebody else') });
    write('wrapped', await wrap());
    await eventually(() => late.v2.encrypt({ plaintext }));
  });

  test('with a certificate, and with its successor', async () => {
    const authority = await createCertificateAuthority(folder);
    await bao.expectOk('POST', 'sys/auth/cert', { type: 'cert' });
    const trust = { certificate: authority.caPem, token_policies: 'kms', allowed_common_names: ['kms-1', 'kms-2'] };
    await bao.expectOk('POST', 'auth/cert/certs/kms', trust);
    const first = await authority.issueClient('kms-1');
    const bundle = write('bundle.pem', `${first.certificatePem}\n${first.keyPem}`);
    await using plugin = await start({ 'auth-method': 'cert', 'cert-role': 'kms', 'cert-pem': bundle });
    await plugin.v2.encrypt({ plaintext });
    const second = await authority.issueClient('kms-2');
    write('bundle.pem', `${second.certificatePem}\n${second.keyPem}`);
    await bao.expectOk('POST', 'auth/cert/certs/kms', { ...trust, allowed_common_names: ['kms-2'] });
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/cert', { sync: true });
    await plugin.v2.encrypt({ plaintext });

    const stranger = await authority.issueClient('stranger');
    await using other = await start({
      'auth-method': 'cert',
      'cert-file': stranger.certificateFile,
      'cert-key': stranger.keyFile,
    });
    await expect(other.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_DENIED' });
    await using mixed = await start({
      'auth-method': 'cert',
      'cert-file': stranger.certificateFile,
      'cert-key': second.keyFile,
    });
    await expect(mixed.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('with a signed token from a file', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    await bao.expectOk('POST', 'sys/auth/jwt', { type: 'jwt' });
    await bao.expectOk('POST', 'auth/jwt/config', { jwt_validation_pubkeys: [pem] });
    await bao.expectOk('POST', 'auth/jwt/role/kms', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      token_policies: ['kms'],
    });
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const sign = (audience: string) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { sub: 'kms', aud: audience, iat: now, nbf: now - 60, exp: now + 600 };
      const head = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
      return `${head}.${createSign('RSA-SHA256').update(head).sign(privateKey, 'base64url')}`;
    };
    const file = write('jwt', sign('elsewhere'));
    await using plugin = await start({ 'auth-method': 'jwt', 'jwt-role': 'kms', 'jwt-token-path': file });
    const error: unknown = await plugin.v2.encrypt({ plaintext }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'KMS_DENIED', details: expect.stringContaining('audience') });
    write('jwt', sign('vault'));
    // The change of the file ends the pause after the failed login.
    await plugin.v2.encrypt({ plaintext });
    expect(plugin.logged()).not.toContain(readFileSync(file, 'utf8').slice(-40));
  });

  test('not with a certificate of the server that it does not trust, until the right CA is there', async () => {
    const other = await createCertificateAuthority(mkdtempSync(join(folder, 'other-')));
    const caFile = write('other-ca.pem', other.caPem);
    await using plugin = await start({ 'vault-ca-cert': caFile, 'auth-method': 'token', token: bao.rootToken });
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_TLS_UNTRUSTED' });
    write('other-ca.pem', bao.caPem ?? '');
    await eventually(() => plugin.v2.encrypt({ plaintext }));
  });
});
