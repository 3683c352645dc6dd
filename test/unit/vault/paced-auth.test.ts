import { CodedError } from '../../../runtime/errors';
import { Secret } from '../../../runtime/secret';
import { pacedAuth } from '../../../runtime/vault/auth/paced';
import type { VaultConnection } from '../../../runtime/vault/connection';

const connection = {} as VaultConnection;
const signal = new AbortController().signal;

function setUp() {
  const world = { now: 0, logins: 0, fails: true, fingerprint: 'a' };
  const auth = pacedAuth(
    {
      namespace: '',
      login: async () => {
        world.logins += 1;
        if (world.fails) throw new CodedError('KMS_DENIED', 'no', { remedy: 'Ask.' });
        return { token: Secret.fromText('t'), renewable: false };
      },
    },
    [{ read: async () => Secret.fromText('x'), fingerprint: async () => world.fingerprint }],
    () => world.now,
  );
  return { world, login: () => auth.login(connection, signal) };
}

test('a login that failed is not tried again for a while, which grows', async () => {
  const { world, login } = setUp();
  for (let call = 0; call < 100; call += 1) await expect(login()).toRejectWithCode('KMS_DENIED');
  expect(world.logins).toBe(1);
  for (world.now = 0; world.now < 60_000; world.now += 100) await login().catch(() => undefined);
  expect(world.logins).toBeLessThan(12);
});

test('a credential that was replaced ends the pause', async () => {
  const { world, login } = setUp();
  await expect(login()).toRejectWithCode('KMS_DENIED');
  world.fingerprint = 'b';
  world.fails = false;
  await expect(login()).resolves.toMatchObject({ renewable: false });
});

test('a login that works is not paced', async () => {
  const { world, login } = setUp();
  world.fails = false;
  await login();
  await login();
  expect(world.logins).toBe(2);
});
