import { type Code, CodedError } from '../../../runtime/errors';
import { Kms } from '../../../runtime/kms/kms';
import type { CallContext, StoresKeys, VersionedKey } from '../../../runtime/kms/provider';
import { Secret } from '../../../runtime/secret';
import { MemoryStore } from '../../conformance/kms/memory-store';

const none: CallContext = { secrets: new Map() };
const ref = { volumeId: 'pvc-1', owner: 'shop' };
const unused = new MemoryStore();
const failing = (code: Code, more: object = {}) =>
  Object.assign(new CodedError(code, 'away', { remedy: 'Wait.' }), more);

/** One entry, and errors that are thrown before (`errors`) or after (`late`) the provider did its work. */
class OneEntry implements StoresKeys {
  readonly family = 'stores';
  readonly errors: Error[] = [];
  readonly late: Error[] = [];
  calls = 0;
  entry: { text: string; version: number } | undefined;

  #step<T>(work: () => T): T {
    this.calls += 1;
    const early = this.errors.shift();
    if (early) throw early;
    const result = work();
    const late = this.late.shift();
    if (late) throw late;
    return result;
  }

  async fetch(): Promise<VersionedKey | undefined> {
    return this.#step(() => this.entry && { dek: Secret.fromText(this.entry.text), version: `${this.entry.version}` });
  }

  async store(_ref: unknown, dek: Secret, expectedVersion: string | undefined): Promise<void> {
    const text = dek.use((bytes) => bytes.toString());
    this.#step(() => {
      if (`${this.entry?.version}` !== `${expectedVersion}`) throw failing('KMS_CONFLICT');
      this.entry = { text, version: (this.entry?.version ?? 0) + 1 };
    });
  }

  async remove(): Promise<void> {
    this.#step(() => {
      this.entry = undefined;
    });
  }

  async close(): Promise<void> {}
}

test.each(['KMS_UNREACHABLE', 'KMS_THROTTLED', 'KMS_TIMEOUT'] as const)(
  'repeats a call that ended in %s',
  async (code) => {
    const provider = new OneEntry();
    provider.entry = { text: 'a', version: 1 };
    provider.errors.push(failing(code), failing(code));
    await expect(new Kms({ kmsId: 'k' }, provider).fetch(ref, none, unused)).resolves.toMatchObject({ version: '1' });
    expect(provider.calls).toBe(3);
  },
);

test.each(['KMS_SEALED', 'KMS_DENIED', 'KMS_TLS_UNTRUSTED', 'CONFIG_INVALID'] as const)(
  'passes %s on at once',
  async (code) => {
    const provider = new OneEntry();
    provider.errors.push(failing(code));
    await expect(new Kms({ kmsId: 'k' }, provider).fetch(ref, none, unused)).toRejectWithCode(code);
    expect(provider.calls).toBe(1);
  },
);

test('gives the last error when the tries are used up', async () => {
  const provider = new OneEntry();
  provider.errors.push(...Array.from({ length: 5 }, () => failing('KMS_UNREACHABLE')));
  await expect(new Kms({ kmsId: 'k', attempts: 2 }, provider).remove(ref, none)).toRejectWithCode('KMS_UNREACHABLE');
  expect(provider.calls).toBe(2);
});

test('waits as long as the server wishes (Retry-After)', async () => {
  const provider = new OneEntry();
  provider.errors.push(failing('KMS_THROTTLED', { retryAfterMs: 300 }));
  const startedAt = performance.now();
  await new Kms({ kmsId: 'k' }, provider).remove(ref, none);
  expect(performance.now() - startedAt).toBeGreaterThan(290);
});

test('a write whose answer was lost counts as done (ensure)', async () => {
  const provider = new OneEntry();
  const kms = new Kms({ kmsId: 'k' }, provider);
  jest.spyOn(provider, 'fetch').mockResolvedValueOnce(undefined);
  provider.late.push(failing('KMS_TIMEOUT'));
  const { dek, version } = await kms.ensure(ref, none, unused);
  expect(version).toBe('1');
  expect(dek.use((bytes) => bytes.toString())).toBe(provider.entry?.text);
});

test('a write whose answer was lost counts as done (replace)', async () => {
  const provider = new OneEntry();
  const kms = new Kms({ kmsId: 'k' }, provider);
  const old = await kms.ensure(ref, none, unused);
  const store = provider.store.bind(provider);
  jest.spyOn(provider, 'store').mockImplementationOnce(async (...args: Parameters<typeof store>) => {
    await store(...args);
    throw failing('KMS_TIMEOUT');
  });
  await expect(kms.replace(ref, Secret.fromText('next'), old, none, unused)).resolves.toBeUndefined();
  expect(provider.entry).toEqual({ text: 'next', version: 2 });
});

test('does not take a KMS at its word: a stored key that reads back as another is KMS_CONFLICT', async () => {
  const provider = new OneEntry();
  const kms = new Kms({ kmsId: 'k' }, provider);
  const old = await kms.ensure(ref, none, unused);
  jest.spyOn(provider, 'store').mockResolvedValueOnce(undefined);
  await expect(kms.replace(ref, Secret.fromText('next'), old, none, unused)).toRejectWithCode('KMS_CONFLICT');
});

test('the same version with another key is a conflict: the entry was removed and made anew', async () => {
  const provider = new OneEntry();
  const kms = new Kms({ kmsId: 'k' }, provider);
  const old = await kms.ensure(ref, none, unused);
  provider.entry = { text: 'foreign', version: 1 };
  await expect(kms.replace(ref, Secret.fromText('next'), old, none, unused)).toRejectWithCode('KMS_CONFLICT');
  expect(provider.entry.text).toBe('foreign');
});

test('its own deadline is KMS_TIMEOUT, a call that was given up ABORTED', async () => {
  const provider = new OneEntry();
  jest.spyOn(provider, 'fetch').mockImplementation((...args: unknown[]) => {
    const { signal } = args[1] as CallContext;
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(failing('ABORTED'))));
  });
  const kms = new Kms({ kmsId: 'k', timeoutMs: 50 }, provider);
  await expect(kms.fetch(ref, none, unused)).toRejectWithCode('KMS_TIMEOUT');
  const controller = new AbortController();
  const given = kms.fetch(ref, { ...none, signal: controller.signal }, unused);
  controller.abort();
  await expect(given).toRejectWithCode('ABORTED');
});

test('what nobody foresaw is INTERNAL', async () => {
  const provider = new OneEntry();
  provider.errors.push(new TypeError('x is not a function'));
  await expect(new Kms({ kmsId: 'k' }, provider).fetch(ref, none, unused)).toRejectWithCode('INTERNAL');
});
