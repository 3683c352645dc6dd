/** R20, R3, R4: a real server becomes what the state says, and stays it; nothing of others is touched. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { type Interruptible, startInterruptible } from './interruptible';
import { changesOf, inventory, type Reconciler, reconciler } from './reconciling';

jest.setTimeout(300_000);

describeWith(['openbao', 'openssl'], 'keyward vault apply', () => {
  let bao: OpenBao;
  let way: Interruptible;
  let folder: string;
  let keyward: Reconciler;
  let caPem: string;
  const jwt = (name: string) =>
    `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(`{"sub":"${name}"}`).toString('base64url')}.c2lnbmF0dXJl`;
  const giveReviewer = (token: string) => writeFileSync(join(folder, 'storage/reviewer/token'), token);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-state-'));
    mkdirSync(join(folder, 'storage/reviewer'), { recursive: true });
    caPem = (await createCertificateAuthority(folder)).caPem;
    bao = await startOpenBao();
    way = await startInterruptible(bao.address);
  });
  beforeEach(() => {
    giveReviewer(jwt('first'));
    way.reset();
    keyward = reconciler(way.address, bao.rootToken, folder);
  });
  afterEach(() => keyward.close());
  afterAll(async () => {
    await way?.close();
    await bao?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Every kind of object and every type of each. */
  const everything = (owner = 'platform') => ({
    owner,
    namespaces: {
      '': {
        mounts: {
          'shop/kv': {
            type: 'kv',
            version: 2,
            maxVersions: 5,
            casRequired: true,
            deleteVersionAfter: 5_400,
            description: 'for "shop"',
          },
          plain: { type: 'kv', version: 1 },
          wrap: {
            type: 'transit',
            description: 'keys that wrap',
            keys: {
              shop: { type: 'aes256-gcm96', autoRotatePeriod: 86_400, deletionAllowed: true, minDecryptionVersion: 1 },
              quick: { type: 'chacha20-poly1305' },
            },
          },
        },
        policies: {
          shop: {
            rules: [
              { path: 'shop/kv/data/fixed/*', capabilities: ['create', 'read', 'update'], comment: 'its own' },
              {
                path: 'shop/kv/data/{{identity.entity.aliases.{{accessor:auth/in-cluster}}.metadata.service_account_namespace}}/*',
                capabilities: ['read'],
              },
            ],
          },
        },
        auth: {
          'in-cluster': {
            type: 'kubernetes',
            config: {
              kubernetesHost: 'https://10.0.0.1',
              kubernetesCaCert: caPem,
              reviewer: { mode: 'vault-own-token' },
            },
            roles: {
              shop: {
                boundServiceAccountNames: ['b', 'a'],
                boundServiceAccountNamespaces: ['shop'],
                audience: 'vault',
                aliasNameSource: 'serviceaccount_name',
                tokenPolicies: ['shop'],
                tokenTtl: 600,
                tokenMaxTtl: 3_600,
                tokenType: 'batch',
              },
            },
          },
          own: {
            type: 'kubernetes',
            config: { kubernetesHost: 'https://10.0.0.2', kubernetesCaCert: caPem, reviewer: { mode: 'client-token' } },
          },
          remote: {
            type: 'kubernetes',
            description: 'another cluster',
            config: {
              kubernetesHost: 'https://10.0.0.3',
              kubernetesCaCert: caPem,
              issuer: 'https://issuer',
              reviewer: {
                mode: 'reviewer-token',
                tokenReviewerJwt: { secret: { name: 'reviewer', key: 'token' } },
              },
            },
          },
          approle: {
            type: 'approle',
            roles: {
              kms: {
                secretIdTtl: 0,
                secretIdBoundCidrs: ['10.0.0.0/24'],
                tokenPolicies: ['shop'],
                tokenPeriod: 3_600,
                tokenBoundCidrs: ['10.0.0.7/32'],
              },
            },
          },
          token: { type: 'token', roles: { osd: { allowedPolicies: ['shop'], orphan: true, tokenPeriod: 86_400 } } },
          cert: {
            type: 'cert',
            roles: { node: { certificate: caPem, allowedCommonNames: ['node'], tokenPolicies: ['shop'] } },
          },
          jwt: {
            type: 'jwt',
            config: { jwksUrl: '', jwtValidationPubkeys: [publicKey], boundIssuer: 'https://issuer' },
            roles: {
              ci: {
                userClaim: 'sub',
                boundAudiences: ['vault'],
                boundClaims: { repo: 'storage', ref: ['main', 'release'] },
                claimMappings: { repo: 'repo' },
                tokenPolicies: ['shop'],
                tokenTtl: 300,
              },
            },
          },
        },
        quotas: { shop: { path: 'shop/kv', rate: 200, interval: 2 }, all: { rate: 5_000.5 } },
      },
      team: { mounts: { kv: { type: 'kv', version: 2 } }, policies: { reader: { rules: [rule('kv/data/*')] } } },
      'team/inner': { auth: { token: { type: 'token', roles: { r: { allowedPolicies: ['default'] } } } } },
    },
  });
  const rule = (path: string) => ({ path, capabilities: ['read'] });
  const destructive = { deleteData: ['sys/mounts/wrap'] };

  describe('a state with every kind of object', () => {
    let before: Record<string, unknown>;
    beforeAll(async () => {
      await bao.expectOk('POST', 'sys/mounts/theirs', { type: 'kv', options: { version: '2' } });
      await bao.expectOk('POST', 'sys/policies/acl/theirs', { policy: 'path "x" {\n  capabilities = ["read"]\n}\n' });
      await bao.expectOk('POST', 'sys/auth/theirs', { type: 'approle' });
      await bao.expectOk('POST', 'auth/theirs/role/theirs', { token_policies: ['theirs'] });
      before = await inventory(bao);
    });

    test('is planned without a write, made, and then needs no write at all', async () => {
      const planned = await keyward.plan(everything());
      expect(way.writes).toEqual([]);
      expect(new Set(planned.plan.changes.map(({ action }) => action))).toEqual(new Set(['create']));
      expect(await inventory(bao)).toEqual(before);

      await keyward.apply(everything());
      expect(await inventory(bao)).toMatchObject({
        'shop/kv/config': { max_versions: 5, cas_required: true, delete_version_after: '1h30m0s' },
        'sys/mounts/shop/kv': { type: 'kv', settings: { version: '2' }, description: 'for "shop"' },
        'wrap/keys/shop': { type: 'aes256-gcm96', auto_rotate_period: 86_400, deletion_allowed: true },
        'wrap/keys/quick': { type: 'chacha20-poly1305', auto_rotate_period: 0, deletion_allowed: false },
        'sys/policies/acl/shop': expect.stringContaining('aliases.accessor of in-cluster.metadata'),
        'auth/in-cluster/config': { disable_local_ca_jwt: false, disable_iss_validation: true },
        'auth/own/config': { disable_local_ca_jwt: true, token_reviewer_jwt_set: false },
        'auth/remote/config': {
          disable_local_ca_jwt: true,
          token_reviewer_jwt_set: true,
          issuer: 'https://issuer',
          disable_iss_validation: false,
        },
        'auth/in-cluster/role/shop': { audience: 'vault', token_type: 'batch', token_ttl: 600 },
        'auth/approle/role/kms': { token_period: 3_600, secret_id_bound_cidrs: ['10.0.0.0/24'] },
        'auth/token/roles/osd': { orphan: true, token_period: 86_400, allowed_policies: ['shop'] },
        'auth/cert/certs/node': { allowed_common_names: ['node'] },
        'auth/jwt/role/ci': { role_type: 'jwt', bound_claims: { repo: 'storage', ref: ['main', 'release'] } },
        'quota shop': { path: 'shop/kv/', rate: 200, interval: 2 },
        'namespace team/': true,
      });
      expect(await inventory(bao, 'team/inner')).toMatchObject({
        'auth/token/roles/r': { allowed_policies: ['default'] },
      });

      way.reset();
      const again = await keyward.apply(everything());
      expect(again.plan.changes).toEqual([]);
      expect(again.plan.problems).toEqual([]);
      expect(way.writes).toEqual([]);
    });

    test('repairs drift, and only that', async () => {
      const wanted = await inventory(bao);
      const drift: readonly (readonly [string, string, unknown?])[] = [
        ['POST', 'sys/mounts/shop/kv/tune', { description: 'mine' }],
        ['POST', 'shop/kv/config', { max_versions: 1 }],
        ['POST', 'wrap/keys/quick/config', { deletion_allowed: true }],
        ['POST', 'sys/policies/acl/shop', { policy: 'path "*" {\n  capabilities = ["sudo"]\n}\n' }],
        ['POST', 'auth/in-cluster/role/shop', { token_policies: ['root-like'], token_bound_cidrs: ['1.2.3.4'] }],
        [
          'POST',
          'auth/own/config',
          { kubernetes_host: 'https://evil', kubernetes_ca_cert: 'x', disable_local_ca_jwt: true },
        ],
        ['POST', 'auth/jwt/role/ci', { role_type: 'jwt', user_claim: 'email' }],
        ['DELETE', 'auth/approle/role/kms'],
        ['POST', 'sys/quotas/rate-limit/all', { rate: 1e6 }],
      ];
      for (const [method, path, body] of drift) await bao.expectOk(method, path, body);
      const planned = await keyward.apply(everything());
      expect(changesOf(planned).sort()).toEqual([
        'create auth/approle/role/kms',
        'update auth/in-cluster/role/shop',
        'update auth/jwt/role/ci',
        'update sys/auth/own',
        'update sys/mounts/shop/kv',
        'update sys/policies/acl/shop',
        'update sys/quotas/rate-limit/all',
        'update wrap/keys/quick',
      ]);
      expect(await inventory(bao)).toEqual(wanted);
    });

    test('R4: a reviewer token is written again when it was replaced, and never read or shown', async () => {
      const second = jwt('second');
      giveReviewer(second);
      const planned = await keyward.apply(everything());
      expect(changesOf(planned)).toEqual(['update sys/auth/remote']);
      const shown = JSON.stringify(planned.plan.changes.map(({ fields }) => fields));
      const ledger = (await bao.expectOk('GET', 'sys/policies/acl/keyward-owner-platform')).body.data.policy;
      for (const text of [shown, ledger]) expect(text).not.toContain(second);
      giveReviewer(second);
      expect(changesOf(await keyward.apply(everything()))).toEqual([]);
    });

    test('R4: another reviewer mode takes the reviewer token away', async () => {
      giveReviewer(jwt('second'));
      const state = everything();
      Object.assign(state.namespaces[''].auth.remote.config, { reviewer: { mode: 'client-token' } });
      expect(changesOf(await keyward.apply(state))).toEqual(['update sys/auth/remote']);
      expect((await bao.expectOk('GET', 'auth/remote/config')).body.data.token_reviewer_jwt_set).toBe(false);
      expect(changesOf(await keyward.apply(everything()))).toEqual(['update sys/auth/remote']);
    });

    test('removes what is no longer in it, and a member that is no longer in it is the default again', async () => {
      const state = everything();
      const root = state.namespaces[''];
      giveReviewer(jwt('second'));
      await keyward.apply(state);
      const { plain: _, ...mounts } = root.mounts;
      const { cert: __, ...auth } = root.auth;
      const { tokenMaxTtl: ___, audience: ____, ...shop } = root.auth['in-cluster'].roles.shop;
      auth['in-cluster'] = { ...auth['in-cluster'], roles: { shop } } as never;
      const less = { ...state, namespaces: { ...state.namespaces, '': { ...root, mounts, auth } } };
      expect(changesOf(await keyward.apply(less))).toEqual([
        'update auth/in-cluster/role/shop',
        'remove auth/cert/certs/node',
        'remove sys/auth/cert',
        'remove sys/mounts/plain',
      ]);
      const role = (await bao.expectOk('GET', 'auth/in-cluster/role/shop')).body.data;
      expect([role.token_max_ttl, role.audience ?? '']).toEqual([0, '']);
      expect(changesOf(await keyward.apply(less))).toEqual([]);
    });

    test('destroy leaves nothing of ours and everything of others', async () => {
      const planned = await keyward.destroy(everything(), destructive);
      expect(planned.plan.problems).toEqual([]);
      expect(await inventory(bao)).toEqual(before);
      way.reset();
      await keyward.destroy(everything());
      expect(way.writes).toEqual([]);
    });
  });

  test('R20: two owners on one server do not touch each other', async () => {
    const of = (owner: string) => ({ owner, namespaces: { '': { mounts: { [owner]: { type: 'kv', version: 1 } } } } });
    await keyward.apply(of('one'));
    await keyward.apply(of('two'));
    expect((await keyward.plan(of('one'))).plan).toMatchObject({ changes: [], unchanged: 1 });
    await keyward.destroy(of('one'));
    expect((await keyward.plan(of('two'))).plan).toMatchObject({ changes: [], unchanged: 1 });
    await keyward.destroy(of('two'));
  });

  test('a role in an auth method of others is ours, the method stays theirs', async () => {
    await bao.expectOk('POST', 'sys/auth/shared', { type: 'approle', description: 'of the platform' });
    const roles = { mine: { tokenPolicies: ['default'] } };
    const state = { owner: 'guest', namespaces: { '': { auth: { shared: { type: 'approle', roles } } } } };
    const planned = await keyward.apply(state);
    expect(changesOf(planned)).toEqual(['create auth/shared/role/mine']);
    expect(planned.plan.shared).toEqual(['sys/auth/shared']);
    await keyward.destroy(state);
    expect((await bao.request('GET', 'auth/shared/role/mine')).status).toBe(404);
    expect((await bao.expectOk('GET', 'sys/auth/shared')).body.data.description).toBe('of the platform');
    await bao.expectOk('DELETE', 'sys/auth/shared');
  });

  test('works inside the namespace of the connection', async () => {
    await bao.expectOk('POST', 'sys/namespaces/tenant', {});
    const inside = reconciler(bao.address, bao.rootToken, folder, 'tenant');
    const state = { owner: 'a', namespaces: { '': { mounts: { kv: { type: 'kv', version: 2 } } } } };
    await inside.apply(state);
    expect(Object.keys(await inventory(bao, 'tenant'))).toEqual(expect.arrayContaining(['sys/mounts/kv']));
    expect((await inside.plan(state)).plan.changes).toEqual([]);
    await inside.destroy(state);
    inside.close();
    await bao.expectOk('DELETE', 'sys/namespaces/tenant');
  });

  test('two applies of one owner at the same time: the later one stops before it changes anything', async () => {
    const state = { owner: 'busy', namespaces: { '': { mounts: { 'busy-kv': { type: 'kv', version: 1 } } } } };
    const [first, second] = [await keyward.plan(state), await keyward.plan(state)];
    await keyward.carryOut(first);
    way.reset();
    await expect(keyward.carryOut(second)).rejects.toMatchObject({ code: 'VAULT_BUSY' });
    expect(way.writes.filter((request) => !request.includes('keyward-owner-'))).toEqual([]);
    await keyward.destroy(state);
  });
});

const publicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEU25lgGPa6KhbPc4mdyMuo1QPRKi5
YhOGGuVJnGLUen9pk1hTeil8fytyncdRMKh73Z7xRcZP29NAa5qfhLx9YA==
-----END PUBLIC KEY-----
`;
