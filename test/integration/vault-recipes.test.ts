/**
 * Each recipe on a real OpenBao: whoever uses it gets through with its policy, and fails when any one capability is taken
 * away. Our own consumers are the real providers and the real plugin; of stock ones it is the requests that they make.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KmsProps } from '../../lib/schema/kms';
import { settleKms } from '../../lib/schema/kms';
import {
  apiServerKmsState,
  cephCsiVaultState,
  driverVaultState,
  type KubernetesLoginProps,
  rookOsdState,
  tenantServiceAccountsState,
  tenantTokensState,
  type VaultState,
} from '../../lib/vault';
import { Kms } from '../../runtime/kms/kms';
import type { KmsProvider } from '../../runtime/kms/provider';
import { vaultProvider } from '../../runtime/kms/vault/provider';
import { vaultTransitProvider } from '../../runtime/kms/vault-transit/provider';
import type { Secret } from '../../runtime/secret';
import { tokenAuth } from '../../runtime/vault/auth/token';
import { VaultClient } from '../../runtime/vault/client';
import { MemoryStore } from '../conformance/kms/memory-store';
import { startTenantFixture, type TenantFixture } from '../conformance/kms/tenant-fixture';
import { describeWith } from '../harness/describe-with';
import { run as runPlugin } from './kms-plugin-fixture';
import { applyState, inNamespace, superfluous } from './vault-recipes-fixture';

jest.setTimeout(300_000);

const none = { secrets: new Map<string, Secret>() };
const tenants = ['shop', 'billing'];

const tenantKms = (address: string) =>
  ({
    tokens: { type: 'vaulttokens', address, backendPath: 'token-keys', tenantPrefix: true },
    accounts: {
      type: 'vaulttenantsa',
      address,
      backendPath: 'account-keys',
      tenantPrefix: true,
      audience: 'vault',
    },
    softly: {
      type: 'vaulttenantsa',
      address,
      backend: 'detect',
      backendPath: 'soft-keys',
      tenantPrefix: true,
      role: 'softly',
      deletion: 'recoverable',
    },
    below: {
      type: 'vaulttenantsa',
      address,
      backendPath: 'keys',
      namespace: 'platform/storage',
      authNamespace: 'platform',
      tenantPrefix: true,
      mountPath: 'k8s/prod',
    },
  }) as const satisfies Record<string, KmsProps>;

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'recipes on OpenBao and kube-apiserver', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kw-recipes-'));
  let fixture: TenantFixture;
  let login: KubernetesLoginProps;
  let count = 0;

  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };

  const apply = (state: VaultState) => applyState(fixture.bao, state, { reviewerJwt: fixture.kubernetes.adminToken });

  /** Applies the state, sees the operations pass, and gives the capabilities without which they pass as well. */
  const unneeded = async (state: VaultState, operate: () => Promise<void>): Promise<readonly string[]> => {
    await apply(state);
    await operate();
    const names = await superfluous(fixture.bao, state, operate);
    await operate();
    return names;
  };

  const tokenOf = async (role: string, namespace = ''): Promise<string> => {
    const { body } = await fixture.bao.expectOk('POST', `auth/token/create/${role}`, {}, inNamespace(namespace));
    return body.auth.client_token;
  };

  const kubernetesLogin = async (
    account: { readonly namespace: string; readonly name: string; readonly audience?: string },
    role: string,
    mount = 'kubernetes',
  ): Promise<string> => {
    const { namespace, name, audience } = account;
    const jwt = await fixture.kubernetes.serviceAccountToken(namespace, name, audience ? [audience] : []);
    const { body } = await fixture.bao.expectOk('POST', `auth/${mount}/login`, { role, jwt }, { token: null });
    return body.auth.client_token;
  };

  /** What a driver does with the key of one volume in its life: made, read, rotated, deleted. */
  const lifeOfKey = async (provider: KmsProvider, owner = ''): Promise<void> => {
    const kms = new Kms({ kmsId: 'k', attempts: 1 }, provider);
    try {
      const ref = { volumeId: `pvc-${count++}`, owner };
      const store = new MemoryStore();
      const first = await kms.ensure(ref, none, store);
      await kms.replace(ref, kms.newDek(), first, none, store);
      await kms.fetch(ref, none, store);
      await kms.remove(ref, none);
    } finally {
      await kms.close();
    }
  };

  /** The token is looked up, and is renewed rather than replaced when most of its life is over. */
  const livesOn = async (token: string): Promise<void> => {
    let now = Date.now();
    const obtained: string[] = [];
    const client = new VaultClient(
      { address: fixture.bao.address, tls: { verify: true } },
      tokenAuth({ tokenFile: file('living', token), namespace: '' }),
      { now: () => now, onObtained: (how) => void obtained.push(how) },
    );
    await client.keepToken();
    now = (client.tokenExpiresAt ?? 0) - 60_000;
    await client.keepToken();
    client.close();
    if (obtained.at(-1) !== 'renewal') throw new Error('the token was not renewed');
  };

  beforeAll(async () => {
    fixture = await startTenantFixture(tenantKms, { agent: { cache: { foundMs: 0, absentMs: 0 } } });
    const { kubernetes } = fixture;
    login = {
      kubernetesHost: kubernetes.url,
      kubernetesCaCert: kubernetes.caPem,
      reviewer: { mode: 'reviewer-token', tokenReviewerJwt: { file: '/reviewer/token' } },
    };
    await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'rook-ceph' } });
    for (const [namespace, name] of [
      ...tenants.map((tenant) => [tenant, 'ceph-csi-vault-sa']),
      ['rook-ceph', 'rook-ceph-osd'],
      ['rook-ceph', 'rook-csi-rbd-plugin-sa'],
    ]) {
      await kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    }
  });
  afterAll(async () => {
    await fixture?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('the driver as itself', () => {
    const kmsOf = (props: object): KmsProps => ({
      type: 'vault',
      address: fixture.bao.address,
      auth: { method: 'kubernetes', role: 'volumes', tokenFile: file('sa', '') },
      ...(props as { readonly backendPath: string }),
    });
    const driver = { namespace: 'keyward-system', audience: 'vault' };

    const operations = (kms: KmsProps) => async () => {
      const jwt = await fixture.kubernetes.serviceAccountToken('keyward-system', 'keyward-csi', ['vault']);
      file('sa', jwt);
      const settings = settleKms('k', kms);
      if (settings.type !== 'vault') throw new Error('not a vault KMS');
      await lifeOfKey(vaultProvider(settings));
    };

    test.each([
      ['KV version 2, keys destroyed', { backendPath: 'v2-keys', passphrasePath: 'ceph-csi' }],
      ['KV version 2, keys recoverable', { backendPath: 'v2-soft', deletion: 'recoverable' }],
      ['KV version 2, looked up', { backendPath: 'v2-found/', backend: 'detect' }],
      ['KV version 1', { backendPath: 'v1-keys', backend: 'kv' }],
      [
        'keys in a namespace below that of the login (trap 7)',
        { backendPath: 'deep', namespace: 'team/db', authNamespace: 'team' },
      ],
    ])('needs every capability that it is granted: %s', async (_, props) => {
      const kms = kmsOf(props);
      const state = driverVaultState({ kms: { k: kms }, driver, login });
      expect(await unneeded(state, operations(kms))).toEqual([]);
    });

    test('needs every capability that it is granted: a transit key that wraps (R7), with the right to rotate it', async () => {
      const kms: KmsProps = {
        type: 'vaulttransit',
        address: fixture.bao.address,
        auth: { method: 'kubernetes', role: 'wrapping', tokenFile: file('sa', '') },
        keyName: 'volumes',
      };
      const state = driverVaultState({ kms: { k: kms }, driver, login, rotatesTransitKeys: true });
      const operate = async () => {
        file('sa', await fixture.kubernetes.serviceAccountToken('keyward-system', 'keyward-csi', ['vault']));
        const settings = settleKms('k', kms);
        if (settings.type !== 'vaulttransit') throw new Error('not a vaulttransit KMS');
        await lifeOfKey(vaultTransitProvider(settings));
        const kek = new Kms({ kmsId: 'k', attempts: 1 }, vaultTransitProvider(settings));
        await kek.rotateKek(none).finally(() => kek.close());
      };
      expect(await unneeded(state, operate)).toEqual([]);
    });

    test('needs every capability that it is granted: a token in a file', async () => {
      const tokenFile = join(folder, 'driver-token');
      const kms = kmsOf({ backendPath: 'token-driver', auth: { method: 'token', tokenFile } });
      const state = driverVaultState({ kms: { k: kms }, driver, login });
      const operate = async () => {
        const token = await tokenOf('keyward-k');
        file('driver-token', token);
        await operations(kms)();
        await livesOn(token);
      };
      expect(await unneeded(state, operate)).toEqual([]);
    });
  });

  describe('tenants', () => {
    const bothTenants = (kmsId: keyof ReturnType<typeof tenantKms>) => async () => {
      for (const tenant of tenants) await lifeOfKey(fixture.provider(kmsId), tenant);
    };

    test('with tokens need every capability that they are granted', async () => {
      const kms = tenantKms(fixture.bao.address).tokens;
      const state = tenantTokensState({ kms, tenants });
      const operate = async () => {
        for (const tenant of tenants) {
          const token = await tokenOf(`csi-tenant-${tenant}`);
          await fixture.putSecret(tenant, 'ceph-csi-kms-token', { token });
          await livesOn(token);
        }
        await bothTenants('tokens')();
      };
      expect(await unneeded(state, operate)).toEqual([]);
    });

    test.each([
      ['one templated policy', 'accounts'],
      ['keys that can be recovered, in an engine that is looked up', 'softly'],
      ['keys in a namespace below that of the login', 'below'],
    ] as const)('with service accounts need every capability that they are granted: %s', async (_, kmsId) => {
      const kms = tenantKms(fixture.bao.address)[kmsId];
      const state = tenantServiceAccountsState({ kms, tenants, login, name: `tenants-${kmsId}` });
      expect(await unneeded(state, bothTenants(kmsId))).toEqual([]);
    });

    const access = [
      ['GET', 'data'],
      ['PUT', 'data'],
      ['DELETE', 'data'],
      ['DELETE', 'metadata'],
      ['GET', 'metadata'],
      ['LIST', 'metadata'],
    ] as const;

    test.each([
      ['tokens', 'token-keys', (tenant: string) => tokenOf(`csi-tenant-${tenant}`)],
      [
        'service accounts',
        'account-keys',
        (tenant: string) =>
          kubernetesLogin({ namespace: tenant, name: 'ceph-csi-vault-sa', audience: 'vault' }, 'csi-kubernetes'),
      ],
    ])('with %s reach nothing of another tenant (R14)', async (kind, mount, tokenFor) => {
      const { tokens, accounts } = tenantKms(fixture.bao.address);
      await apply(
        kind === 'tokens'
          ? tenantTokensState({ kms: tokens, tenants })
          : tenantServiceAccountsState({ kms: accounts, tenants, login, name: 'tenants-accounts' }),
      );
      await fixture.bao.expectOk('PUT', `${mount}/data/billing/pvc-1`, { data: { data: { passphrase: 'p' } } });
      const [shop, billing] = [await tokenFor('shop'), await tokenFor('billing')];
      for (const [method, endpoint] of access) {
        const path = `${mount}/${endpoint}/billing${method === 'LIST' ? '' : '/pvc-1'}`;
        const { status } = await fixture.bao.request(method, path, { data: {} }, { token: shop });
        expect([method, endpoint, status]).toEqual([method, endpoint, 403]);
      }
      const own = await fixture.bao.request('GET', `${mount}/data/billing/pvc-1`, undefined, { token: billing });
      expect(own.body.data.data.data.passphrase).toBe('p');
    });
  });

  describe('stock consumers', () => {
    interface Step {
      readonly method: string;
      readonly path: string;
      readonly body?: object;
    }
    const requests = async (token: string, steps: readonly Step[]): Promise<void> => {
      for (const { method, path, body } of steps) await fixture.bao.expectOk(method, path, body, { token });
    };

    const cephCsi = (mount: string, volumeId: string, version: 1 | 2, destroys: boolean): readonly Step[] => {
      const at = version === 1 ? `${mount}/${volumeId}` : `${mount}/data/${volumeId}`;
      const entry = { data: { passphrase: 'p' } };
      const body = version === 1 ? entry : { data: entry };
      const end = version === 2 && destroys ? `${mount}/metadata/${volumeId}` : at;
      return [
        { method: 'PUT', path: at, body },
        { method: 'GET', path: at },
        { method: 'PUT', path: at, body },
        { method: 'DELETE', path: end },
      ];
    };

    test.each([
      ['KV version 2', { backend: 'kv-v2', backendPath: 'ceph-v2', passphrasePath: 'rbd/' }, 2, true],
      ['KV version 2, vaultDestroyKeys "false"', { backendPath: 'ceph-soft', deletion: 'recoverable' }, 2, false],
      ['KV version 1', { backend: 'kv', backendPath: 'ceph-v1' }, 1, true],
      ['KV version 2, looked up', { backend: 'detect', backendPath: 'ceph-found' }, 2, true],
    ] as const)('ceph-csi needs every capability that it is granted: %s', async (_, props, version, destroys) => {
      const { bao } = fixture;
      const state = cephCsiVaultState({
        kms: { type: 'vault', address: bao.address, auth: { method: 'kubernetes', role: 'ceph-csi' }, ...props },
        namespace: 'rook-ceph',
        serviceAccounts: ['rook-csi-rbd-plugin-sa', 'rook-csi-rbd-provisioner-sa'],
        login,
      });
      const prefix = 'passphrasePath' in props ? props.passphrasePath : '';
      const account = { namespace: 'rook-ceph', name: 'rook-csi-rbd-plugin-sa' };
      const operate = async () => {
        const token = await kubernetesLogin(account, 'ceph-csi');
        const detection =
          'backend' in props && props.backend === 'detect' ? [{ method: 'GET', path: 'sys/mounts' }] : [];
        await requests(token, [
          ...detection,
          ...cephCsi(props.backendPath, `${prefix}vol-${count++}`, version, destroys),
        ]);
      };
      expect(await unneeded(state, operate)).toEqual([]);
    });

    test.each(['kubernetes', 'token'] as const)(
      'Rook needs every capability that it is granted: auth method %s',
      async (method) => {
        const { bao } = fixture;
        const connectionDetails = {
          KMS_PROVIDER: 'vault',
          VAULT_ADDR: bao.address,
          VAULT_BACKEND: 'v2',
          VAULT_BACKEND_PATH: `osd-${method}`,
          VAULT_AUTH_METHOD: method,
          ...(method === 'kubernetes' && { VAULT_AUTH_KUBERNETES_ROLE: 'osd' }),
        };
        const kms = { connectionDetails, ...(method === 'token' && { tokenSecretName: 'rook-vault-token' }) };
        const state = rookOsdState({ kms, login });
        const operate = async () => {
          const account = { namespace: 'rook-ceph', name: 'rook-ceph-osd' };
          const token = method === 'token' ? await tokenOf('rook') : await kubernetesLogin(account, 'osd');
          const name = `rook-ceph-osd-encryption-key-set1-${count++}`;
          const body = { data: { [name]: 'key' } };
          const at = `osd-${method}/data/${name}`;
          await requests(token, [
            { method: 'GET', path: 'sys/mounts' },
            { method: 'PUT', path: at, body },
            { method: 'GET', path: at },
            { method: 'PUT', path: at, body },
            { method: 'DELETE', path: `osd-${method}/metadata/${name}` },
          ]);
          if (method === 'token') await livesOn(token);
        };
        expect(await unneeded(state, operate)).toEqual([]);
      },
    );

    const plugin = (auth: object, transit: object): VaultState =>
      apiServerKmsState({ kms: { vault: { address: fixture.bao.address }, auth, transit } as never });
    /** vault-kubernetes-kms: at its start, at each Status, and when its token grows old. */
    const pluginRequests = (key: string, ciphertext: string): readonly Step[] => [
      { method: 'GET', path: 'auth/token/lookup-self' },
      { method: 'POST', path: `transit/encrypt/${key}`, body: { plaintext: 'cGluZw==' } },
      { method: 'GET', path: `transit/keys/${key}` },
      { method: 'POST', path: `transit/decrypt/${key}`, body: { ciphertext } },
      { method: 'POST', path: 'auth/token/renew-self', body: {} },
    ];
    const pluginWorks = async (flags: Readonly<Record<string, string>>) => {
      await using running = await runPlugin(fixture.bao, { 'transit-key': 'kms', ...flags });
      const plaintext = Buffer.from('a key of etcd');
      const { ciphertext, keyId, annotations } = await running.v2.encrypt({ plaintext });
      const answer = await running.v2.decrypt({ ciphertext, keyId, annotations });
      expect(Buffer.from(answer.plaintext)).toEqual(plaintext);
      const { healthz } = await running.v2.status({});
      if (healthz !== 'ok') throw new Error(`the plugin is not healthy: ${healthz}`);
    };

    test('the API server’s KMS plugin, ours and vault-kubernetes-kms, needs every capability that it is granted: AppRole', async () => {
      const { bao } = fixture;
      const state = plugin({ method: 'approle', roleIdFile: '/r', secretIdFile: '/s' }, {});
      await apply(state);
      const { body: role } = await bao.expectOk('GET', 'auth/approle/role/kms/role-id');
      const { body: secret } = await bao.expectOk('POST', 'auth/approle/role/kms/secret-id', {});
      const { body: sealed } = await bao.expectOk('POST', 'transit/encrypt/kms', { plaintext: 'cGluZw==' });
      const stock = async () => {
        const credentials = { role_id: role.data.role_id, secret_id: secret.data.secret_id };
        const { body } = await bao.expectOk('POST', 'auth/approle/login', credentials, { token: null });
        await requests(body.auth.client_token, pluginRequests('kms', sealed.data.ciphertext));
      };
      const ours = () =>
        pluginWorks({
          'auth-method': 'approle',
          'approle-role-id': role.data.role_id,
          'approle-secret-id-file': file('secret-id', secret.data.secret_id),
        });
      expect(secret.data.secret_id_ttl).toBe(0);
      expect(await unneeded(state, stock)).toEqual([]);
      // Ours knows from the login how long its token lives, and logs in again where it may not renew. Where it may not read
      // the key it goes on, and tells versions apart by what encrypting gives.
      expect(await unneeded(state, ours)).toEqual([
        'kms: read on auth/token/lookup-self',
        'kms: update on auth/token/renew-self',
        'kms: read on transit/keys/kms',
      ]);
    });

    test('the same with an orphan token that is renewed for ever (trap 11)', async () => {
      const { bao } = fixture;
      const state = plugin({ method: 'token', tokenFile: '/t' }, {});
      await apply(state);
      const { body: sealed } = await bao.expectOk('POST', 'transit/encrypt/kms', { plaintext: 'cGluZw==' });
      const stock = async () => {
        const token = await tokenOf('kms');
        await requests(token, pluginRequests('kms', sealed.data.ciphertext));
      };
      const ours = async () => {
        const token = await tokenOf('kms');
        await livesOn(token);
        await pluginWorks({ 'auth-method': 'token', 'token-file': file('plugin-token', token) });
      };
      const { body: looked } = await bao.expectOk('GET', 'auth/token/lookup-self', undefined, {
        token: await tokenOf('kms'),
      });
      expect(looked.data).toMatchObject({
        orphan: true,
        renewable: true,
        creation_ttl: 2_592_000,
        policies: ['kms'],
      });
      expect(await unneeded(state, stock)).toEqual([]);
      expect(await unneeded(state, ours)).toEqual(['kms: read on transit/keys/kms']);
    });
  });
});
