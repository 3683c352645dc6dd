/** The KMS plugin on a real OpenBao: round trips, batches, key ids, rotation, deletion, bad input and what is logged. */
import { randomBytes } from 'node:crypto';
import { Secret } from '../../runtime/secret';
import { givenTokenAuth } from '../../runtime/vault/auth/given-token';
import { VaultClient } from '../../runtime/vault/client';
import { Transit } from '../../runtime/vault/transit';
import { describeWith } from '../harness/describe-with';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { eventually, makeKey, makeToken, type Running, run } from './kms-plugin-fixture';

jest.setTimeout(120_000);

describeWith(['openbao'], 'the KMS plugin', () => {
  let bao: OpenBao;
  let keys = 0;
  let key: string;
  let token: string;
  beforeAll(async () => {
    bao = await startOpenBao();
  });
  afterAll(() => bao?.stop());
  beforeEach(async () => {
    keys += 1;
    key = `kms-${keys}`;
    await makeKey(bao, key);
    token = await makeToken(bao, key);
  });
  const start = (flags: Readonly<Record<string, string>> = {}) =>
    run(bao, { token, 'auth-method': 'token', 'transit-key': key, ...flags });
  const status = ({ v2 }: Running) =>
    eventually(async () => {
      const answer = await v2.status({});
      expect(answer.healthz).toBe('ok');
      return answer;
    });
  const plaintext = randomBytes(32);

  test('v1 and v2 encrypt and decrypt, each what the other made, in the text of transit', async () => {
    await using plugin = await start();
    const { cipher } = await plugin.v1.encrypt({ version: 'v1beta1', plain: plaintext });
    const { ciphertext, keyId, annotations } = await plugin.v2.encrypt({ plaintext, uid: 'a' });
    for (const text of [cipher, ciphertext]) {
      expect(Buffer.from(text).toString()).toMatch(/^vault:v1:/);
      expect(Buffer.from((await plugin.v1.decrypt({ version: 'v1beta1', cipher: text })).plain)).toEqual(plaintext);
      const opened = await plugin.v2.decrypt({ ciphertext: text, keyId, uid: 'b' });
      expect(Buffer.from(opened.plaintext)).toEqual(plaintext);
    }
    expect(annotations).toEqual({});
    expect(await plugin.v1.version({ version: 'v1beta1' })).toMatchObject({
      version: 'v1beta1',
      runtimeName: 'keyward',
      runtimeVersion: '1.2.3',
    });
    // What OpenBao itself makes of it, and what it made before: the data of any other plugin on the same key.
    const { body } = await bao.expectOk('POST', `transit/encrypt/${key}`, { plaintext: plaintext.toString('base64') });
    const foreign = Buffer.from(body.data.ciphertext);
    for (const oldKeyId of ['1', '1706707774', 'arn:aws:kms:eu-1', '']) {
      const opened = await plugin.v2.decrypt({ ciphertext: foreign, keyId: oldKeyId });
      expect(Buffer.from(opened.plaintext)).toEqual(plaintext);
    }
  });

  test('Status and Encrypt tell the same key id, which names place, version and birth', async () => {
    await using plugin = await start();
    const { version, keyId } = await status(plugin);
    expect(version).toBe('v2');
    expect(keyId).toMatch(new RegExp(`^transit:transit/${key}:v1:\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$`));
    expect((await plugin.v2.encrypt({ plaintext })).keyId).toBe(keyId);
    // Another process, or another API server's plugin, says the same.
    await using other = await start();
    expect((await status(other)).keyId).toBe(keyId);
  });

  test('a rotation is announced within the poll interval, and old data stays readable', async () => {
    await using plugin = await start();
    const before = await plugin.v2.encrypt({ plaintext });
    await bao.expectOk('POST', `transit/keys/${key}/rotate`);
    await eventually(async () => expect((await plugin.v2.status({})).keyId).toContain(':v2:'), 3_000);
    const after = await plugin.v2.encrypt({ plaintext });
    expect(after.keyId).toBe((await plugin.v2.status({})).keyId);
    expect(Buffer.from(after.ciphertext).toString()).toMatch(/^vault:v2:/);
    expect(Buffer.from((await plugin.v2.decrypt({ ciphertext: before.ciphertext })).plaintext)).toEqual(plaintext);
  });

  test('Encrypt that is first to see a new version announces it: Status agrees at once', async () => {
    await using plugin = await start({ 'poll-seconds': '3600' });
    await status(plugin);
    await bao.expectOk('POST', `transit/keys/${key}/rotate`);
    const { keyId } = await plugin.v2.encrypt({ plaintext });
    expect(keyId).toContain(':v2:');
    expect((await plugin.v2.status({})).keyId).toBe(keyId);
  });

  test('a key that was deleted and made anew has another key id', async () => {
    await using plugin = await start();
    const { keyId } = await status(plugin);
    await bao.expectOk('POST', `transit/keys/${key}/config`, { deletion_allowed: true });
    // Versions are told apart by the second in which they were made.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await bao.expectOk('DELETE', `transit/keys/${key}`);
    await eventually(async () => expect((await plugin.v2.status({})).healthz).toContain('KMS_KEY_NOT_FOUND'), 5_000);
    // Kept, although there is no key: an API server that reads another one stops to read, too.
    expect((await plugin.v2.status({})).keyId).toBe(keyId);
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_KEY_NOT_FOUND' });
    await bao.expectOk('POST', `transit/keys/${key}`, {});
    const renewed = await eventually(async () => {
      const answer = await plugin.v2.status({});
      expect(answer.healthz).toBe('ok');
      return answer;
    });
    expect(renewed.keyId).toContain(':v1:');
    expect(renewed.keyId).not.toBe(keyId);
    expect((await plugin.v2.encrypt({ plaintext })).keyId).toBe(renewed.keyId);
    expect(plugin.logged()).toContain('deleted and made anew');
  });

  test('a token that may do all does not make a deleted key anew', async () => {
    await using plugin = await run(bao, { token: bao.rootToken, 'auth-method': 'token', 'transit-key': 'never-made' });
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'KMS_KEY_NOT_FOUND' });
    await expect(plugin.v2.status({})).rejects.toMatchObject({ code: 'KMS_KEY_NOT_FOUND' });
    expect((await bao.request('GET', 'transit/keys/never-made')).status).toBe(404);
  });

  test('without the right to read the key it works, with a shorter key id', async () => {
    const rules = ['encrypt', 'decrypt'].map((verb) => `path "transit/${verb}/${key}" { capabilities = ["update"] }`);
    await bao.expectOk('PUT', `sys/policies/acl/${key}`, { policy: rules.join('\n') });
    await using plugin = await start();
    expect((await status(plugin)).keyId).toBe(`transit:transit/${key}:v1`);
    await bao.expectOk('POST', `transit/keys/${key}/rotate`);
    expect((await plugin.v2.encrypt({ plaintext })).keyId).toBe(`transit:transit/${key}:v2`);
  });

  test('one bad item of a batch fails alone', async () => {
    const client = new VaultClient(
      { address: bao.address },
      givenTokenAuth({ token: Secret.fromText(token), namespace: '' }),
    );
    const transit = new Transit(client, { namespace: '', mount: 'transit', key });
    const limit = { timeoutMs: 10_000 };
    const [good] = await transit.encrypt([plaintext], limit);
    if (!good?.ok) throw good?.error;
    const bad = `${good.value.slice(0, -6)}AAAA==`;
    const outcomes = await transit.decrypt([good.value, bad, 'vault:v9:AAAA', 'nonsense', good.value], limit);
    expect(outcomes.map((each) => (each.ok ? 'ok' : each.error.code))).toEqual([
      'ok',
      'KMS_CIPHERTEXT_INVALID',
      'KMS_CIPHERTEXT_INVALID',
      'KMS_CIPHERTEXT_INVALID',
      'ok',
    ]);
    const allBad = await transit.decrypt([bad], limit);
    expect(allBad.map((each) => each.ok)).toEqual([false]);
    client.close();
  });

  test('many callers at once: each gets its own answer, in few requests to Vault', async () => {
    await using plugin = await start();
    await status(plugin);
    const values = Array.from({ length: 300 }, () => randomBytes(32));
    const made = await Promise.all(values.map((value) => plugin.v2.encrypt({ plaintext: value })));
    const damaged = { ciphertext: Buffer.from('vault:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'), keyId: 'x' };
    const outcomes = await Promise.allSettled(
      made.flatMap((each, index) => [
        plugin.v2.decrypt({ ciphertext: each.ciphertext, keyId: each.keyId }),
        ...(index % 50 === 0 ? [plugin.v2.decrypt(damaged)] : []),
      ]),
    );
    const opened = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [Buffer.from(each.value.plaintext)] : []));
    const failures = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []));
    expect(opened).toEqual(values);
    expect(failures).toEqual(Array.from({ length: 6 }, () => 'KMS_CIPHERTEXT_INVALID'));
  });

  test.each([
    ['an empty plaintext', (p: Running) => p.v2.encrypt({ plaintext: Buffer.alloc(0) }), 'REQUEST_INVALID'],
    ['a large plaintext', (p: Running) => p.v2.encrypt({ plaintext: Buffer.alloc(9_000) }), 'REQUEST_INVALID'],
    [
      'one that makes a large ciphertext',
      (p: Running) => p.v2.encrypt({ plaintext: Buffer.alloc(2_000) }),
      'REQUEST_INVALID',
    ],
    ['a huge plaintext', (p: Running) => p.v2.encrypt({ plaintext: Buffer.alloc(200_000) }), 'REQUEST_INVALID'],
    ['a large ciphertext', (p: Running) => p.v2.decrypt({ ciphertext: Buffer.alloc(20_000, 'v') }), 'REQUEST_INVALID'],
    ['a huge ciphertext', (p: Running) => p.v1.decrypt({ cipher: Buffer.alloc(3_000_000) }), 'REQUEST_INVALID'],
    ['no ciphertext', (p: Running) => p.v2.decrypt({}), 'KMS_CIPHERTEXT_INVALID'],
    [
      'the data of another plugin',
      (p: Running) => p.v2.decrypt({ ciphertext: Buffer.from('AQICAHg'), keyId: 'arn:aws' }),
      'KMS_CIPHERTEXT_INVALID',
    ],
    [
      'a large key id',
      (p: Running) => p.v2.decrypt({ ciphertext: Buffer.from('vault:v1:AAAA'), keyId: 'x'.repeat(2_000) }),
      'REQUEST_INVALID',
    ],
    [
      'large annotations',
      (p: Running) =>
        p.v2.decrypt({ ciphertext: Buffer.from('vault:v1:AAAA'), annotations: { 'a.b': Buffer.alloc(40_000) } }),
      'REQUEST_INVALID',
    ],
    [
      'another version of the API',
      (p: Running) => p.v1.encrypt({ version: 'v3', plain: plaintext }),
      'REQUEST_INVALID',
    ],
  ] as const)('refuses %s and serves on', async (_, call, code) => {
    await using plugin = await start();
    await expect(call(plugin)).rejects.toMatchObject({ code });
    await expect(plugin.v2.encrypt({ plaintext })).resolves.toMatchObject({ annotations: {} });
  });

  test.each([
    ['derived', { derived: true }],
    ['for signing', { type: 'ed25519' }],
  ])('refuses a key that is %s, and says so', async (_, options) => {
    const other = `${key}-other`;
    await bao.expectOk('POST', `transit/keys/${other}`, options);
    await using plugin = await run(bao, { token: bao.rootToken, 'auth-method': 'token', 'transit-key': other });
    await expect(plugin.v2.encrypt({ plaintext })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(plugin.v2.status({})).rejects.toMatchObject({
      details: expect.stringContaining('cannot be used here'),
    });
  });

  test('shows neither plaintext nor token nor ciphertext in logs and errors (R11)', async () => {
    await using plugin = await start();
    const canary = 'canary-plaintext-0123456789';
    const { ciphertext } = await plugin.v2.encrypt({ plaintext: Buffer.from(canary), uid: 'u' });
    const errors: string[] = [];
    const broken = Buffer.from(`${Buffer.from(ciphertext).toString().slice(0, -8)}AAAAAAA=`);
    await plugin.v2.decrypt({ ciphertext: broken }).catch((error: unknown) => errors.push(String(error)));
    await bao.expectOk('POST', 'auth/token/revoke', { token });
    await plugin.v2
      .encrypt({ plaintext: Buffer.from(canary) })
      .catch((error: unknown) => errors.push(`${String(error)} ${JSON.stringify(error)}`));
    expect(errors).toHaveLength(2);
    const shown = `${plugin.logged()} ${errors.join(' ')}`;
    for (const secret of [canary, Buffer.from(canary).toString('base64'), token, broken.toString().slice(10, 40)]) {
      expect(shown).not.toContain(secret);
    }
    expect(shown).toContain('KMS_DENIED');
  });
});
