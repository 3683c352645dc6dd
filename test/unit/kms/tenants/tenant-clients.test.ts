/** One client a tenant: what makes a new one, how many are kept, and what happens while Kubernetes is away. */
import { settleKms, type VaultTokensKmsSettings } from '../../../../lib/schema/kms';
import { CodedError } from '../../../../runtime/errors';
import { TenantClients } from '../../../../runtime/kms/tenant-clients';
import type { TenantDirectory } from '../../../../runtime/kms/tenant-directory';
import { Secret } from '../../../../runtime/secret';

const settings = settleKms('k', { type: 'vaulttokens', address: 'http://127.0.0.1:1' }) as VaultTokensKmsSettings;
const ctx = { secrets: new Map<string, Secret>() };
const passing = new CodedError('KMS_UNREACHABLE', 'away', { remedy: 'Wait.' });
const final = new CodedError('SECRET_MISSING', 'gone', { remedy: 'None.' });

function make(maxTenants = 64) {
  const world = {
    now: 0,
    config: undefined as Record<string, string> | undefined,
    identity: 'one',
    error: undefined as Error | undefined,
    reads: [] as { tenant: string; fresh: boolean | undefined }[],
  };
  const directory: TenantDirectory = {
    secret: async () => Secret.fromText('x'),
    serviceAccountToken: async () => undefined,
    configMap: async ({ namespace }, options) => {
      world.reads.push({ tenant: namespace, fresh: options?.fresh });
      if (world.error) throw world.error;
      return world.config;
    },
  };
  const clients = new TenantClients(settings, {
    directory,
    maxTenants,
    now: () => world.now,
    login: {
      identify: async () => world.identity,
      auth: () => ({ namespace: '', login: async () => ({ token: Secret.fromText('t'), renewable: false }) }),
    },
  });
  const clientOf = (tenant: string) => clients.use(tenant, ctx, async ({ client }) => client);
  return { world, clients, clientOf };
}

describe('the clients of tenants', () => {
  test('each tenant has its own; the same one from then on, with one look at Kubernetes for all', async () => {
    const { world, clientOf } = make();
    const [one, again, other] = await Promise.all([clientOf('a'), clientOf('a'), clientOf('b')]);
    expect(one).toBe(again);
    expect(one).not.toBe(other);
    world.now = 4_999;
    expect(await clientOf('a')).toBe(one);
    expect(world.reads.map(({ tenant }) => tenant)).toEqual(['a', 'b']);
  });

  test.each([
    [
      'another credential',
      (world: ReturnType<typeof make>['world']) => {
        world.identity = 'two';
      },
    ],
    [
      'another ConfigMap',
      (world: ReturnType<typeof make>['world']) => {
        world.config = { vaultNamespace: 'own' };
      },
    ],
  ])('%s makes a new one, noticed within seconds', async (_, change) => {
    const { world, clientOf } = make();
    const before = await clientOf('a');
    world.now = 5_000;
    expect(await clientOf('a')).toBe(before);
    change(world);
    world.now = 10_000;
    expect(await clientOf('a')).not.toBe(before);
  });

  test('a refusal by Vault makes it look again soon, past every memory', async () => {
    const { world, clients } = make();
    const denied = new CodedError('KMS_DENIED', 'no', { remedy: 'None.' });
    const call = () => clients.use('a', ctx, () => Promise.reject(denied));
    await expect(call()).toRejectWithCode('KMS_DENIED');
    world.now = 999;
    await expect(call()).toRejectWithCode('KMS_DENIED');
    expect(world.reads).toHaveLength(1);
    world.now = 1_000;
    await expect(call()).toRejectWithCode('KMS_DENIED');
    expect(world.reads[1]).toEqual({ tenant: 'a', fresh: true });
  });

  test('while Kubernetes is away a known tenant is served for five minutes, an unknown one is not', async () => {
    const { world, clientOf } = make();
    const known = await clientOf('a');
    world.error = passing;
    await expect(clientOf('b')).toRejectWithCode('KMS_UNREACHABLE');
    for (const now of [5_000, 60_000, 299_999]) {
      world.now = now;
      expect(await clientOf('a')).toBe(known);
    }
    world.now = 302_000;
    await expect(clientOf('a')).toRejectWithCode('KMS_UNREACHABLE');
    world.error = undefined;
    expect(await clientOf('a')).toBe(known);
  });

  test('a tenant whose credential is gone is not served by what is remembered', async () => {
    const { world, clients, clientOf } = make();
    await clientOf('a');
    world.error = final;
    world.now = 5_000;
    await expect(clientOf('a')).toRejectWithCode('SECRET_MISSING');
    world.error = passing;
    await expect(clientOf('a')).toRejectWithCode('KMS_UNREACHABLE');
    expect(clients.size).toBe(0);
  });

  test('settings that cannot be are CONFIG_INVALID, and do not fall back to others', async () => {
    const { world, clientOf } = make();
    await clientOf('a');
    world.config = { vaultAddress: 'nonsense' };
    world.now = 5_000;
    await expect(clientOf('a')).toRejectWithCode('CONFIG_INVALID');
    await expect(clientOf('a')).toRejectWithCode('CONFIG_INVALID');
  });

  test('is bounded: the one used longest ago goes, and is closed when its calls are done', async () => {
    const { clients, clientOf } = make(2);
    const closed: string[] = [];
    let finish: () => void = () => undefined;
    const using = clients.use('a', ctx, async ({ client }) => {
      const close = client.close.bind(client);
      client.close = () => {
        closed.push('a');
        close();
      };
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await new Promise((resolve) => setImmediate(resolve));
    for (const tenant of ['b', 'c', 'd']) await clientOf(tenant);
    expect(clients.size).toBe(2);
    expect(closed).toEqual([]);
    finish();
    await using;
    expect(closed).toEqual(['a']);
  });

  test('refuses after close, and who gives up does not end it for the others', async () => {
    const { clients, clientOf } = make();
    const gone = clients.use('a', { ...ctx, signal: AbortSignal.abort() }, async () => undefined);
    const stays = clientOf('a');
    await expect(gone).toRejectWithCode('ABORTED');
    await expect(stays).resolves.toBeDefined();
    clients.close();
    await expect(clientOf('a')).toRejectWithCode('SHUTTING_DOWN');
  });
});
