import { CodedError } from '../../../runtime/errors';
import { KeyWatch } from '../../../runtime/kms-plugin/key-watch';
import { silentLog } from '../../../runtime/log';
import type { Transit } from '../../../runtime/vault/transit';

const denied = () => new CodedError('KMS_DENIED', 'no', { remedy: 'Ask.' });
const away = () => new CodedError('KMS_UNREACHABLE', 'away', { remedy: 'Wait.' });

/** A transit engine whose key, trouble and clock the test turns. */
function engine() {
  const world = {
    now: 1_000_000,
    version: 1,
    madeAt: new Map([[1, 100]]),
    /** Stands for the bytes of the key: what another one encrypted cannot be decrypted. */
    material: 'a',
    fault: undefined as CodedError | undefined,
    mayRead: true,
    reads: 0,
  };
  const transit = {
    place: 'transit/kms',
    path: (endpoint: string) => `transit/${endpoint}/kms`,
    describe: async () => {
      world.reads += 1;
      if (world.fault) throw world.fault;
      if (!world.mayRead) throw denied();
      return { versionsMadeAt: world.madeAt };
    },
    encrypt: async (items: readonly Uint8Array[]) => {
      if (world.fault) throw world.fault;
      const text = (item: Uint8Array) =>
        `vault:v${world.version}:${world.material}${Buffer.from(item).toString('base64')}`;
      return items.map((item) => ({ ok: true, value: text(item) }));
    },
    decrypt: async (items: readonly string[]) => {
      if (world.fault) throw world.fault;
      return items.map((item) => {
        const [, , body = ''] = item.split(':');
        if (body.startsWith(world.material)) return { ok: true, value: Buffer.from(body.slice(1), 'base64') };
        return { ok: false, error: new CodedError('KMS_CIPHERTEXT_INVALID', 'bad', { remedy: 'None.' }) };
      });
    },
  } as unknown as Transit;
  const keyIds: string[] = [];
  const watch = new KeyWatch(
    { pollMs: 20, graceMs: 60_000, timeoutMs: 1_000 },
    { transit, log: silentLog, now: () => world.now, onKeyId: (keyId) => void keyIds.push(keyId) },
  );
  return { world, watch, keyIds };
}

type Engine = ReturnType<typeof engine>;
let running: Engine;
beforeEach(async () => {
  running = engine();
  running.watch.start();
  await running.watch.started;
});
afterEach(() => running.watch.close());

const until = async (holds: (engine: Engine) => boolean) => {
  const end = Date.now() + 3_000;
  while (!holds(running) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds(running)).toBe(true);
};
const keyId = () => (running.watch.state.phase === 'known' ? running.watch.state.keyId : undefined);
const first = 'transit:transit/kms:v1:1970-01-01T00:01:40Z';

test('knows the key after the first probe', () => {
  expect(keyId()).toBe(first);
  expect(running.watch.trouble).toBeUndefined();
});

test('announces a new version that a probe meets', async () => {
  running.world.madeAt.set(2, 200);
  running.world.version = 2;
  await until(({ keyIds }) => keyIds.length === 2);
  expect(keyId()).toBe('transit:transit/kms:v2:1970-01-01T00:03:20Z');
});

test('announces a new version before the answer that shows it is passed on', async () => {
  running.watch.close();
  running.world.madeAt.set(2, 200);
  expect(await running.watch.keyIdOf('vault:v2:x')).toBe(keyId());
  // A node of Vault that lags behind: its answer is named as what it is, and the announcement stays.
  expect(await running.watch.keyIdOf('vault:v1:x')).toBe(first);
  expect(keyId()).toContain(':v2:');
});

test('fails an answer of a version that no node describes yet, instead of giving it an id that will change', async () => {
  running.watch.close();
  await expect(running.watch.keyIdOf('vault:v7:x')).toRejectWithCode('KMS_CONFLICT');
});

test('announces an older version only when two probes meet it', async () => {
  running.world.madeAt.set(2, 200);
  await running.watch.keyIdOf('vault:v2:x');
  expect(running.keyIds).toHaveLength(2);
  await until(({ keyIds }) => keyIds.length === 3);
  expect(keyId()).toBe(first);
});

test('an outage is told after the grace, a denial when a second probe has seen it, and the key id stays', async () => {
  running.world.fault = away();
  await until(({ watch }) => watch.state.fault !== undefined);
  expect(running.watch.trouble).toBeUndefined();
  running.world.now += 61_000;
  expect(running.watch.trouble?.code).toBe('KMS_UNREACHABLE');
  expect(keyId()).toBe(first);
  running.world.fault = undefined;
  await until(({ watch }) => watch.state.fault === undefined);
  running.world.fault = denied();
  await until(({ watch }) => watch.state.fault?.count === 2);
  expect(running.watch.trouble?.code).toBe('KMS_DENIED');
  expect(keyId()).toBe(first);
});

test('a key that was made anew has another id', async () => {
  running.world.material = 'b';
  running.world.madeAt = new Map([[1, 500]]);
  await until(({ keyIds }) => keyIds.length === 2);
  expect(keyId()).toBe('transit:transit/kms:v1:1970-01-01T00:08:20Z');
});

test('a key that was made anew and cannot be told from the old one is a fault, not another key under the same id', async () => {
  running.watch.close();
  running = engine();
  running.world.mayRead = false;
  running.watch.start();
  await running.watch.started;
  expect(keyId()).toBe('transit:transit/kms:v1');
  running.world.material = 'b';
  await until(({ watch }) => watch.trouble !== undefined);
  expect(running.watch.trouble?.code).toBe('KMS_KEY_NOT_FOUND');
});

test('does not ask again and again for what the policy forbids', async () => {
  running.watch.close();
  running = engine();
  running.world.mayRead = false;
  running.watch.start();
  await running.watch.started;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(running.world.reads).toBe(1);
});
