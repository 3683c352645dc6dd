/** The KMS plugin when Vault is away, sealed or restarted, when its token dies, and when files and sockets change under it. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../harness/describe-with';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { eventually, makeKey, makeToken, type Running, run, stored } from './kms-plugin-fixture';

jest.setTimeout(180_000);

const plaintext = randomBytes(32);

describeWith(['openbao'], 'the KMS plugin in an outage', () => {
  let bao: OpenBao;
  let token: string;
  beforeAll(async () => {
    bao = await startOpenBao({ storage: 'file' });
    await makeKey(bao, 'kms');
    await bao.expectOk('POST', 'sys/auth/approle', { type: 'approle' });
    await bao.expectOk('POST', 'auth/approle/role/kms', { token_policies: 'kms', token_ttl: '1h' });
  });
  afterAll(() => bao?.stop());
  beforeEach(async () => {
    token = await makeToken(bao, 'kms');
  });
  const start = (flags: Readonly<Record<string, string>> = {}) => run(bao, { token, 'auth-method': 'token', ...flags });
  const works = (plugin: Running) => eventually(() => plugin.v2.encrypt({ plaintext }), 20_000);

  test('starts before Vault, and works as soon as Vault does', async () => {
    await bao.halt();
    await using plugin = await start();
    await expect(plugin.v2.status({})).rejects.toMatchObject({ code: 'KMS_UNREACHABLE', status: 'UNAVAILABLE' });
    await expect(plugin.v1.encrypt({ plain: plaintext })).rejects.toMatchObject({ code: 'KMS_UNREACHABLE' });
    await bao.resume();
    await works(plugin);
    expect((await plugin.v2.status({})).healthz).toBe('ok');
  });

  test('keeps key id and health through an outage within the grace, and tells the truth after it', async () => {
    await using plugin = await start({ 'outage-grace-seconds': '2' });
    const { keyId } = await works(plugin);
    await bao.halt();
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_UNREACHABLE' });
    expect(await plugin.v2.status({})).toMatchObject({ healthz: 'ok', keyId });
    await eventually(async () => expect((await plugin.v2.status({})).healthz).toMatch(/^KMS_UNREACHABLE: /), 6_000);
    expect((await plugin.v2.status({})).keyId).toBe(keyId);
    await bao.resume();
    await works(plugin);
    await eventually(async () => expect(await plugin.v2.status({})).toMatchObject({ healthz: 'ok', keyId }));
  });

  test('names a sealed Vault, and works again when it is unsealed', async () => {
    await using plugin = await start();
    await works(plugin);
    await bao.seal();
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_SEALED', status: 'UNAVAILABLE' });
    await bao.unseal();
    await works(plugin);
  });

  test('kept-alive connections that the restart of Vault broke do not fail a call', async () => {
    await using plugin = await start();
    await works(plugin);
    await bao.restart();
    await expect(plugin.v2.encrypt({ plaintext })).resolves.toMatchObject({ annotations: {} });
  });

  test('logs in again when its token is revoked, and no call fails', async () => {
    const secretIdFile = join(makeFolder(), 'secret-id');
    await using plugin = await startAppRole(secretIdFile);
    await works(plugin);
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/approle', { sync: true });
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => plugin.v2.encrypt({ plaintext })));
    expect(outcomes.filter((each) => each.status === 'rejected')).toEqual([]);
  });

  test('a secret id that is used up or expired is replaced in its file, without a restart', async () => {
    const secretIdFile = join(makeFolder(), 'secret-id');
    await using plugin = await startAppRole(secretIdFile, { num_uses: 1 });
    await works(plugin);
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/approle', { sync: true });
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_DENIED' });
    await eventually(async () => expect((await plugin.v2.status({})).healthz).toMatch(/^KMS_DENIED: .*secret id/));
    await writeSecretId(secretIdFile);
    await works(plugin);
    await eventually(async () => expect((await plugin.v2.status({})).healthz).toBe('ok'));
  });

  test('a revoked token without another way in is told, with its remedy, and a new one in its file is taken', async () => {
    const folder = makeFolder();
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, token);
    await using plugin = await run(bao, { 'auth-method': 'token', 'token-file': tokenFile });
    const { keyId } = await works(plugin);
    await bao.expectOk('POST', 'auth/token/revoke', { token });
    await eventually(async () => expect((await plugin.v2.status({})).healthz).toMatch(/^KMS_DENIED: /));
    writeFileSync(tokenFile, await makeToken(bao, 'kms'));
    await eventually(async () => expect(await plugin.v2.status({})).toMatchObject({ healthz: 'ok', keyId }));
  });

  test('renews a token that lives for seconds while nobody calls', async () => {
    const short = await makeToken(bao, 'kms', { period: '12s' });
    await using plugin = await start({ token: short, 'poll-seconds': '3600' });
    await works(plugin);
    await new Promise((resolve) => setTimeout(resolve, 16_000));
    await expect(plugin.v2.encrypt({ plaintext })).resolves.toMatchObject({ annotations: {} });
  });

  describe('with a local KEK', () => {
    const local = { 'local-kek': 'true' };

    test('writes and reads through an outage, under the key id of transit', async () => {
      await using plugin = await start({ ...local, 'outage-grace-seconds': '60' });
      const before = await works(plugin);
      expect(Object.keys(before.annotations)).toEqual(['local-kek.kms.keyward.io']);
      await bao.halt();
      const during = await plugin.v2.encrypt({ plaintext });
      expect(during.keyId).toBe(before.keyId);
      expect(await plugin.v2.status({})).toMatchObject({ healthz: 'ok', keyId: before.keyId });
      expect(Buffer.from((await plugin.v2.decrypt(stored(during))).plaintext)).toEqual(plaintext);
      await bao.resume();
      // Another process, in another mode, has only the annotation and transit.
      await using other = await start();
      expect(Buffer.from((await eventually(() => other.v2.decrypt(stored(during)))).plaintext)).toEqual(plaintext);
      const damaged = Buffer.from(during.ciphertext).fill(7, 20, 30);
      await expect(other.v2.decrypt({ ...stored(during), ciphertext: damaged })).rejects.toMatchObject({
        code: 'KMS_CIPHERTEXT_INVALID',
      });
    });

    test('a rotation of the transit key brings a new local KEK with the new key id', async () => {
      await using plugin = await start(local);
      const before = await works(plugin);
      await bao.expectOk('POST', 'transit/keys/kms/rotate');
      const { keyId } = await eventually(async () => {
        const status = await plugin.v2.status({});
        expect(status.keyId).not.toBe(before.keyId);
        return status;
      });
      const after = await plugin.v2.encrypt({ plaintext });
      expect(after.keyId).toBe(keyId);
      expect(after.annotations).not.toEqual(before.annotations);
      expect(Buffer.from((await plugin.v2.decrypt(stored(before))).plaintext)).toEqual(plaintext);
    });
  });

  describe('the socket', () => {
    test('is private, or for whom the options say, and gone at the end', async () => {
      const plugin = await start();
      expect(lstatSync(plugin.socket).mode & 0o777).toBe(0o600);
      await plugin[Symbol.asyncDispose]();
      expect(() => lstatSync(plugin.socket)).toThrow();
      if (process.getuid?.() !== 0) return;
      await using open = await start({ 'socket-mode': '0660', 'socket-uid': '65534', 'socket-gid': '65534' });
      expect(lstatSync(open.socket)).toMatchObject({ uid: 65_534, gid: 65_534 });
      expect(lstatSync(open.socket).mode & 0o777).toBe(0o660);
    });

    test('a stale one is replaced; one that is served on and a file are left alone', async () => {
      await using plugin = await start();
      await expect(start({ socket: `unix://${plugin.socket}` })).toRejectWithCode('SOCKET_OCCUPIED');
      const folder = makeFolder();
      writeFileSync(join(folder, 'file'), 'precious');
      await expect(start({ socket: join(folder, 'file') })).toRejectWithCode('SOCKET_OCCUPIED');
      const stale = join(folder, 'stale');
      // As a crash leaves it: the file without a listener.
      spawnSync(process.execPath, [
        '-e',
        `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`,
      ]);
      expect(lstatSync(stale).isSocket()).toBe(true);
      await using second = await start({ socket: stale });
      expect(second.plugin.endpoint).toBe(`unix://${stale}`);
    });

    test('is made again when somebody removed its file', async () => {
      await using plugin = await start();
      await works(plugin);
      rmSync(plugin.socket);
      await eventually(async () => expect(lstatSync(plugin.socket).isSocket()).toBe(true), 8_000);
      await works(plugin);
    });
  });

  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  function makeFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'keyward-kms-files-'));
    folders.push(folder);
    return folder;
  }
  async function writeSecretId(file: string, options: object = {}): Promise<void> {
    const { body } = await bao.expectOk('POST', 'auth/approle/role/kms/secret-id', options);
    writeFileSync(file, body.data.secret_id);
  }
  async function startAppRole(secretIdFile: string, secretId: object = {}): Promise<Running> {
    await writeSecretId(secretIdFile, secretId);
    const { body } = await bao.expectOk('GET', 'auth/approle/role/kms/role-id');
    return run(bao, {
      'auth-method': 'approle',
      'approle-role-id': body.data.role_id,
      'approle-secret-id-file': secretIdFile,
    });
  }
});
