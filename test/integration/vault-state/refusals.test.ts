/** R20, traps 10 and 14: what an apply must not do, and that it then does nothing at all. */
import { describeWith } from '../../harness/describe-with';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { type Agreed, changesOf, inventory, problemsOf, type Reconciler, reconciler } from './reconciling';

jest.setTimeout(300_000);

const state = (root: object, others: object = {}) => ({ owner: 'us', namespaces: { '': root, ...others } });
const read = { rules: [{ path: 'a', capabilities: ['read'] }] };
const theirs = { policy: 'path "theirs" {\n  capabilities = ["read"]\n}\n' };

describeWith(['openbao'], 'keyward vault', () => {
  let bao: OpenBao;
  let keyward: Reconciler;
  beforeAll(async () => {
    bao = await startOpenBao();
    keyward = reconciler(bao.address, bao.rootToken);
  });
  afterAll(async () => {
    keyward?.close();
    await bao?.stop();
  });
  /** The plan has exactly these problems, and carrying it out fails with the first and changes nothing. */
  const expectRefused = async (wanted: unknown, problems: readonly string[], agreed?: Agreed) => {
    const before = await inventory(bao);
    const planned = await keyward.plan(wanted, agreed);
    expect(problemsOf(planned)).toEqual(problems);
    await expect(keyward.carryOut(planned, agreed)).rejects.toMatchObject({ code: problems[0]?.split(' ')[0] });
    expect(await inventory(bao)).toEqual(before);
  };

  describe('what others made', () => {
    const foreign: readonly (readonly [string, string, object, object])[] = [
      ['a policy', 'sys/policies/acl/p', theirs, { policies: { p: read } }],
      ['a role', 'auth/token/roles/r', { orphan: true }, { auth: { token: { type: 'token', roles: { r: {} } } } }],
      ['a quota', 'sys/quotas/rate-limit/q', { rate: 5 }, { quotas: { q: { rate: 7 } } }],
      [
        'an engine with another description',
        'sys/mounts/m',
        { type: 'kv', description: 'theirs' },
        { mounts: { m: { type: 'kv', version: 1, description: 'ours' } } },
      ],
      [
        'an auth method with another description',
        'sys/auth/m',
        { type: 'approle' },
        { auth: { m: { type: 'approle', description: 'ours' } } },
      ],
    ];
    test.each(foreign)('refuses %s without --adopt, and takes it over with it', async (_, address, body, root) => {
      await bao.expectOk('POST', address, body);
      await expectRefused(state(root), [`VAULT_FOREIGN ${address}`]);
      const adopted = await keyward.apply(state(root), { adopt: [`/v1/${address}/`] });
      expect(changesOf(adopted)).toEqual([`adopt ${address}`]);
      expect(changesOf(await keyward.apply(state(root)))).toEqual([]);
      await keyward.destroy(state(root));
      expect(Object.keys(await inventory(bao))).not.toContain(address);
    });

    test('refuses a transit key of others, also one that is as wanted', async () => {
      await bao.expectOk('POST', 'sys/mounts/t', { type: 'transit' });
      await bao.expectOk('POST', 't/keys/k', {});
      const wanted = state({ mounts: { t: { type: 'transit', keys: { k: {} } } } });
      await expectRefused(wanted, ['VAULT_FOREIGN t/keys/k']);
      await bao.expectOk('DELETE', 'sys/mounts/t');
    });

    test('refuses an engine of another type, and reads nothing in it', async () => {
      await bao.expectOk('POST', 'sys/mounts/t', { type: 'kv', options: { version: '1' } });
      await bao.expectOk('POST', 't/keys/k', { type: 'aes256-gcm96' });
      await expectRefused(
        state({ mounts: { t: { type: 'transit', keys: { k: {} } } } }),
        ['VAULT_FOREIGN sys/mounts/t'],
        { adopt: ['t/keys/k'] },
      );
      await expectRefused(state({ mounts: { t: { type: 'transit' } } }), ['VAULT_IMMUTABLE sys/mounts/t'], {
        adopt: ['sys/mounts/t'],
      });
      await bao.expectOk('DELETE', 'sys/mounts/t');
    });

    test('refuses an engine inside another one', async () => {
      await bao.expectOk('POST', 'sys/mounts/outer', { type: 'kv' });
      const wanted = state({ mounts: { 'outer/inner': { type: 'kv', version: 1 } } });
      await expectRefused(wanted, ['CONFIG_INVALID sys/mounts/outer/inner']);
      await bao.expectOk('DELETE', 'sys/mounts/outer');
    });
  });

  describe('trap 10: what cannot be changed in place', () => {
    test.each([
      ['a KV engine to version 1', { type: 'kv', version: 2 }, { type: 'kv', version: 1 }],
      ['a KV engine to version 2', { type: 'kv', version: 1 }, { type: 'kv', version: 2 }],
      ['a KV engine to transit', { type: 'kv', version: 2 }, { type: 'transit' }],
    ])('refuses to turn %s', async (_, before, after) => {
      await keyward.apply(state({ mounts: { m: before } }));
      await expectRefused(state({ mounts: { m: after } }), ['VAULT_IMMUTABLE sys/mounts/m']);
      await keyward.destroy(state({}));
    });

    test('refuses to turn a transit key or an auth method into another type', async () => {
      const of = (type: string, method: string) =>
        state({ mounts: { t: { type: 'transit', keys: { k: { type } } } }, auth: { m: { type: method } } });
      await keyward.apply(of('aes256-gcm96', 'approle'));
      await expectRefused(of('aes128-gcm96', 'cert'), ['VAULT_IMMUTABLE t/keys/k', 'VAULT_IMMUTABLE sys/auth/m']);
      await keyward.destroy(state({}), { deleteData: ['sys/mounts/t'] });
    });
  });

  describe('trap 14: decryption', () => {
    const of = (key: object) => state({ mounts: { t: { type: 'transit', keys: { k: key } } } });
    beforeAll(() => keyward.apply(of({})));
    afterAll(() => keyward.destroy(of({}), { deleteData: ['t/keys/k'] }));

    test('refuses a least version that the key does not have', async () => {
      await expectRefused(of({ minDecryptionVersion: 2 }), ['CONFIG_INVALID t/keys/k']);
    });

    test('refuses to raise the least version without --raise-min-decryption', async () => {
      await bao.expectOk('POST', 't/keys/k/rotate', {});
      await expectRefused(of({ minDecryptionVersion: 2 }), ['VAULT_UNSAFE t/keys/k']);
      await keyward.apply(of({ minDecryptionVersion: 2 }), { raiseMinDecryption: ['t/keys/k'] });
      expect((await bao.expectOk('GET', 't/keys/k')).body.data.min_decryption_version).toBe(2);
    });

    test('a state that does not speak of it leaves it as operators set it', async () => {
      expect(changesOf(await keyward.apply(of({})))).toEqual([]);
      expect((await bao.expectOk('GET', 't/keys/k')).body.data.min_decryption_version).toBe(2);
    });
  });

  describe('data', () => {
    test.each([
      [1, 'm/entry', { a: 'b' }],
      [2, 'm/data/entry', { data: { a: 'b' } }],
    ])('refuses to remove a KV engine of version %i with entries', async (version, path, body) => {
      await keyward.apply(state({ mounts: { m: { type: 'kv', version } } }));
      await bao.expectOk('POST', path, body);
      await expectRefused(state({}), ['VAULT_HOLDS_DATA sys/mounts/m']);
      await keyward.apply(state({}), { deleteData: ['sys/mounts/m'] });
      expect(Object.keys(await inventory(bao))).not.toContain('sys/mounts/m');
    });

    test('refuses to remove a transit key, and an engine with keys of others', async () => {
      const wanted = state({ mounts: { t: { type: 'transit', keys: { ours: {} } } } });
      await keyward.apply(wanted);
      await expectRefused(state({}), ['VAULT_HOLDS_DATA t/keys/ours']);
      await bao.expectOk('POST', 't/keys/theirs', {});
      await expectRefused(state({}), ['VAULT_HOLDS_DATA sys/mounts/t'], { deleteData: ['t/keys/ours'] });
      await keyward.apply(state({}), { deleteData: ['sys/mounts/t'] });
      expect(Object.keys(await inventory(bao))).not.toContain('sys/mounts/t');
    });

    test('refuses to remove an auth method with roles of others', async () => {
      await keyward.apply(state({ auth: { m: { type: 'approle', roles: { Ours: {} } } } }));
      await bao.expectOk('POST', 'auth/m/role/theirs', {});
      await expectRefused(state({}), ['VAULT_HOLDS_DATA sys/auth/m']);
      await bao.expectOk('DELETE', 'auth/m/role/theirs');
      expect(changesOf(await keyward.apply(state({})))).toEqual(['remove auth/m/role/Ours', 'remove sys/auth/m']);
    });

    test('refuses to remove a namespace with engines of others, which the server would not', async () => {
      await keyward.apply(state({}, { ns: { mounts: { ours: { type: 'kv', version: 1 } } } }));
      await bao.expectOk('POST', 'sys/mounts/theirs', { type: 'kv' }, { namespace: 'ns' });
      await expectRefused(state({}), ['VAULT_HOLDS_DATA sys/namespaces/ns']);
      await bao.expectOk('DELETE', 'sys/mounts/theirs', undefined, { namespace: 'ns' });
      await keyward.apply(state({}));
      expect(Object.keys(await inventory(bao))).not.toContain('namespace ns/');
    });

    test('refuses at the last moment: an entry was written after the plan', async () => {
      await keyward.apply(state({ mounts: { m: { type: 'kv', version: 1 } } }));
      const planned = await keyward.plan(state({}));
      await bao.expectOk('POST', 'm/entry', { a: 'b' });
      await expect(keyward.carryOut(planned)).rejects.toMatchObject({ code: 'VAULT_HOLDS_DATA' });
      expect((await bao.expectOk('GET', 'm/entry')).body.data).toEqual({ a: 'b' });
      await bao.expectOk('DELETE', 'm/entry');
      await keyward.apply(state({}));
    });
  });

  test('refuses a namespace in one that is neither in the state nor at the server', async () => {
    await expectRefused(state({}, { 'no/where': {} }), ['CONFIG_INVALID no/sys/namespaces/where']);
  });

  test('refuses a policy with the name of a list of owners', async () => {
    const wanted = state({ policies: { 'keyward-owner-them': read } });
    await expectRefused(wanted, ['CONFIG_INVALID sys/policies/acl/keyward-owner-them'], {
      adopt: ['sys/policies/acl/keyward-owner-them'],
    });
  });

  test('R4: refuses an API server without its CA where the one of the pod does not count', async () => {
    const config = { kubernetesHost: 'https://k', reviewer: { mode: 'client-token' } };
    await expectRefused(state({ auth: { k: { type: 'kubernetes', config } } }), ['CONFIG_INVALID sys/auth/k']);
  });

  test('refuses an audit device where the server takes none by its API', async () => {
    const wanted = state({ audit: { log: { type: 'file', options: { file_path: 'stdout' } } } });
    await expect(keyward.apply(wanted)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await keyward.destroy(wanted);
  });

  test('refuses a list of what is ours that somebody edited', async () => {
    const path = 'sys/policies/acl/keyward-owner-us';
    for (const policy of [
      '# mine now',
      '# Written by "keyward vault apply": what is below belongs to "us".\n# {"kind":1}\n',
    ]) {
      await bao.expectOk('POST', path, { policy });
      await expect(keyward.plan(state({}))).rejects.toMatchObject({ code: 'VAULT_LEDGER_INVALID' });
    }
    await bao.expectOk('DELETE', path);
  });

  test('refuses a server without the namespace of the connection, rather than to plan everything anew', async () => {
    const lost = reconciler(bao.address, bao.rootToken, undefined, 'nowhere');
    await expect(lost.plan(state({}))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    lost.close();
  });

  test('refuses a state whose secret cannot be read, before anything is changed', async () => {
    const tokenReviewerJwt = { file: '/nowhere/token' };
    const config = {
      kubernetesHost: 'https://k',
      kubernetesCaCert: 'pem',
      reviewer: { mode: 'reviewer-token', tokenReviewerJwt },
    };
    await expect(keyward.plan(state({ auth: { k: { type: 'kubernetes', config } } }))).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
    });
  });

  test('refuses with a token that a policy does not let', async () => {
    const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: ['default'] });
    const weak = reconciler(bao.address, body.auth.client_token);
    await expect(weak.plan(state({}))).rejects.toMatchObject({ code: 'KMS_DENIED' });
    weak.close();
  });
});
