import { CodedError } from '../../../runtime/errors';
import { Secret } from '../../../runtime/secret';
import type { Grant, VaultAuth } from '../../../runtime/vault/auth/auth';
import { VaultConnection } from '../../../runtime/vault/connection';
import { VaultLease } from '../../../runtime/vault/lease';
import { answer, type Handler, serve } from './local-server';

const text = (secret: Secret | undefined) => secret?.use((bytes) => bytes.toString());
const unwell = new CodedError('KMS_UNREACHABLE', 'away', { remedy: 'Wait.' });

/** An auth that counts its logins, a clock that stands still, and a server that answers renewals. */
async function scene(
  grant: Omit<Grant, 'token'>,
  renew: Handler = (_, response) => answer(response, 403, { errors: [] }),
) {
  const server = await serve(renew);
  const state = { logins: 0, nowMs: 0, changed: false, failure: undefined as Error | undefined };
  const auth: VaultAuth = {
    namespace: '',
    async login() {
      await new Promise((resolve) => setImmediate(resolve));
      if (state.failure) throw state.failure;
      state.changed = false;
      state.logins += 1;
      return { token: Secret.fromText(`token-${state.logins}`), ...grant };
    },
    hasChanged: async () => state.changed,
  };
  const connection = new VaultConnection({ address: server.address });
  const lease = new VaultLease(auth, connection, { now: () => state.nowMs, random: () => 1 });
  return { server, state, lease, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const renewing =
  (seconds: number): Handler =>
  (_, response) =>
    answer(response, 200, { auth: { client_token: 'same', lease_duration: seconds, renewable: true } });

test('logs in once for all who ask, and keeps the token', async () => {
  await using at = await scene({ ttlMs: 30_000, renewable: false });
  await Promise.all(Array.from({ length: 10 }, () => at.lease.token()));
  at.state.nowMs = 19_000;
  await at.lease.token();
  expect(at.state.logins).toBe(1);
});

test('logs in again after two thirds of the life of a token that cannot be renewed', async () => {
  await using at = await scene({ ttlMs: 30_000, renewable: false });
  await at.lease.token();
  at.state.nowMs = 20_000;
  expect(text(await at.lease.token())).toBe('token-2');
});

test('a token without an end is never replaced by itself', async () => {
  await using at = await scene({ renewable: false });
  await at.lease.token();
  at.state.nowMs = 1e12;
  expect(text(await at.lease.token())).toBe('token-1');
});

test('renews a token that can be renewed, once for all who ask', async () => {
  await using at = await scene({ ttlMs: 30_000, renewable: true }, renewing(30));
  await at.lease.token();
  at.state.nowMs = 20_000;
  const tokens = await Promise.all(Array.from({ length: 5 }, () => at.lease.token()));
  expect(tokens.map(text)).toEqual(Array.from({ length: 5 }, () => 'token-1'));
  expect([at.state.logins, at.server.requests.length]).toEqual([1, 1]);
  at.state.nowMs = 39_000;
  await at.lease.token();
  expect(at.server.requests).toHaveLength(1);
});

test('logs in when a renewal gives far less life than the login did, or is denied', async () => {
  for (const renew of [renewing(10), undefined]) {
    await using at = await scene({ ttlMs: 30_000, renewable: true }, renew);
    await at.lease.token();
    at.state.nowMs = 20_000;
    expect(text(await at.lease.token())).toBe('token-2');
  }
});

test('uses a due token on while Vault is away, asks now and then, and gives up when the token has ended', async () => {
  await using at = await scene({ ttlMs: 30_000, renewable: false });
  await at.lease.token();
  at.state.failure = unwell;
  at.state.nowMs = 20_000;
  expect(text(await at.lease.token())).toBe('token-1');
  at.state.failure = undefined;
  at.state.nowMs = 24_000;
  expect(text(await at.lease.token())).toBe('token-1');
  at.state.nowMs = 25_000;
  expect(text(await at.lease.token())).toBe('token-2');
  at.state.failure = unwell;
  at.state.nowMs = 60_000;
  await expect(at.lease.token()).toRejectWithCode('KMS_UNREACHABLE');
});

test('tries again after a login that failed', async () => {
  await using at = await scene({ renewable: false });
  at.state.failure = unwell;
  await expect(at.lease.token()).toRejectWithCode('KMS_UNREACHABLE');
  at.state.failure = undefined;
  expect(text(await at.lease.token())).toBe('token-1');
});

test('logs in when the credential is another one', async () => {
  await using at = await scene({ renewable: false });
  await at.lease.token();
  at.state.changed = true;
  expect(text(await at.lease.token())).toBe('token-2');
});

test('replaces a refused token once for all who were refused', async () => {
  await using at = await scene({ renewable: false });
  const token = await at.lease.token();
  const fresh = await Promise.all(Array.from({ length: 5 }, () => at.lease.replace(token)));
  expect(fresh.map(text)).toEqual(Array.from({ length: 5 }, () => 'token-2'));
  expect(text(await at.lease.replace(token))).toBe('token-2');
  expect(at.state.logins).toBe(2);
});

test('a refusal that stands costs no login for ten seconds', async () => {
  await using at = await scene({ renewable: false });
  const token = await at.lease.replace(await at.lease.token());
  if (!token) throw new Error('expected a token');
  at.lease.refusalStands();
  at.state.nowMs = 9_999;
  expect(await at.lease.replace(token)).toBeUndefined();
  at.state.nowMs = 10_000;
  expect(text(await at.lease.replace(token))).toBe('token-3');
});

test('a caller that gives up does not cancel the login of the others', async () => {
  await using at = await scene({ renewable: false });
  const controller = new AbortController();
  const [gone, other] = [at.lease.token(controller.signal), at.lease.token()];
  controller.abort();
  await expect(gone).toRejectWithCode('ABORTED');
  expect(text(await other)).toBe('token-1');
});

test('forgets the token at close and gives none afterwards, also none of a login that was under way', async () => {
  await using at = await scene({ renewable: false });
  const token = await at.lease.token();
  at.lease.close();
  expect(() => token.use(() => undefined)).toThrow(/zeroed/);
  await expect(at.lease.token()).toRejectWithCode('SHUTTING_DOWN');

  await using late = await scene({ renewable: false });
  const underWay = late.lease.token();
  late.lease.close();
  await expect(underWay).toRejectWithCode('SHUTTING_DOWN');
});
