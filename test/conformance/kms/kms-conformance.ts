/**
 * What every KMS type must do, whatever serves it. A type passes when `describeKmsProvider` is green against its real
 * server; the harness tells only how to reach it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../../runtime/errors';
import { Kms } from '../../../runtime/kms/kms';
import { newDek } from '../../../runtime/kms/limits';
import type { CallContext, KeyReference, KmsProvider } from '../../../runtime/kms/provider';
import { Secret } from '../../../runtime/secret';
import { textOf } from './error-text';
import { MemoryStore } from './memory-store';

export interface KmsTraits {
  readonly family: KmsProvider['family'];
  /** Whether writes are decided by the KMS or the metadata, so that processes cannot overwrite each other. */
  readonly isAtomic: boolean;
  /** Whether a wrapped key says for which volume it is. Not in the formats of ceph-csi's kmip and aws types. Default true. */
  readonly bindsVolume?: boolean;
  /** False: the KMS takes letters, digits and dashes only. Default true. */
  readonly takesAnyId?: boolean;
}

export interface KmsHarness {
  /** A provider as another process would make it: it shares nothing with the others but the KMS. */
  makeProvider(): KmsProvider;
  /** For calls that should succeed. Asked anew for each call. */
  context(ref: KeyReference): CallContext;
  /** What can be wrong with credentials, and the code that tells it. */
  readonly faults: readonly KmsFault[];
}

interface KmsFault {
  readonly name: string;
  readonly code: string;
  /** Default: those of the harness. */
  readonly makeProvider?: () => KmsProvider;
  readonly context?: (ref: KeyReference) => CallContext;
}

let count = 0;
const newRef = (): KeyReference => ({ volumeId: `pvc-${process.pid}-${++count}`, owner: 'shop' });
const text = (dek: Secret) => dek.use((bytes) => bytes.toString('latin1'));
const codeOf = (error: unknown) => (error instanceof CodedError ? error.code : String(error));
const failure = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to fail');
};

export function describeKmsProvider(name: string, traits: KmsTraits, start: () => Promise<KmsHarness>): void {
  /** A test of what this type promises; for another type there is no such test, so that none shows as skipped. */
  const testIf = (promised: boolean, name: string, body: () => Promise<void>) => promised && test(name, body);

  describe(`KMS ${name}`, () => {
    let harness: KmsHarness;
    const opened: Kms[] = [];
    const open = (makeProvider = () => harness.makeProvider()): Kms => {
      const kms = new Kms({ kmsId: 'under-test' }, makeProvider());
      opened.push(kms);
      return kms;
    };

    beforeAll(async () => {
      harness = await start();
    });
    afterAll(() => Promise.all(opened.map((kms) => kms.close())));

    test('makes a 256-bit key as URL-safe base64 text and gives the same one from then on, also to another process', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const made = await kms.ensure(ref, harness.context(ref), store);
      expect(text(made.dek)).toMatch(/^[A-Za-z0-9_-]{43}=$/);
      for (const found of [
        await kms.ensure(ref, harness.context(ref), store),
        await kms.fetch(ref, harness.context(ref), store),
        await open().ensure(ref, harness.context(ref), store),
        await open().fetch(ref, harness.context(ref), store),
      ]) {
        expect(found.dek.equals(made.dek)).toBe(true);
        expect(found.version).toBe(made.version);
      }
    });

    test('makes a different key for each volume', async () => {
      const kms = open();
      const keys = await Promise.all(
        [newRef(), newRef(), newRef()].map((ref) => kms.ensure(ref, harness.context(ref), new MemoryStore())),
      );
      expect(new Set(keys.map(({ dek }) => text(dek))).size).toBe(3);
    });

    test('gives one key to callers that race in one process', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const keys = await Promise.all(Array.from({ length: 6 }, () => kms.ensure(ref, harness.context(ref), store)));
      expect(new Set(keys.map(({ dek }) => text(dek))).size).toBe(1);
    });

    testIf(traits.isAtomic, 'gives one key to processes that race', async () => {
      const [ref, store] = [newRef(), new MemoryStore()];
      const keys = await Promise.all(
        [open(), open(), open()].map((kms) => kms.ensure(ref, harness.context(ref), store)),
      );
      expect(new Set(keys.map(({ dek }) => text(dek))).size).toBe(1);
    });

    test('tells an absent key as KMS_KEY_NOT_FOUND', async () => {
      const [ref, kms] = [newRef(), open()];
      const [context, store] = [harness.context(ref), new MemoryStore()];
      await expect(kms.fetch(ref, context, store)).toRejectWithCode('KMS_KEY_NOT_FOUND');
      const expected = { dek: newDek(), version: '1' };
      await expect(kms.replace(ref, newDek(), expected, context, store)).toRejectWithCode('KMS_KEY_NOT_FOUND');
    });

    test('replaces a key (R2), and does nothing when the call is repeated', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const old = await kms.ensure(ref, harness.context(ref), store);
      const next = kms.newDek();
      await kms.replace(ref, next, old, harness.context(ref), store);
      const found = await open().fetch(ref, harness.context(ref), store);
      expect(found.dek.equals(next)).toBe(true);

      await kms.replace(ref, next, old, harness.context(ref), store);
      expect((await kms.fetch(ref, harness.context(ref), store)).version).toBe(found.version);
    });

    test('refuses to replace a key that is not the expected one any more (R2)', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const old = await kms.ensure(ref, harness.context(ref), store);
      const next = kms.newDek();
      await kms.replace(ref, next, old, harness.context(ref), store);
      await expect(kms.replace(ref, kms.newDek(), old, harness.context(ref), store)).toRejectWithCode('KMS_CONFLICT');
      expect((await kms.fetch(ref, harness.context(ref), store)).dek.equals(next)).toBe(true);
    });

    test('lets one of two replacements win, in one process and between processes (R2)', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const old = await kms.ensure(ref, harness.context(ref), store);
      const other = traits.isAtomic ? open() : kms;
      const [a, b] = [kms.newDek(), kms.newDek()];
      const results = await Promise.allSettled([
        kms.replace(ref, a, old, harness.context(ref), store),
        other.replace(ref, b, old, harness.context(ref), store),
      ]);
      const winner = results[0]?.status === 'fulfilled' ? a : b;
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const lost = results.find((result) => result.status === 'rejected');
      expect(lost).toMatchObject({ reason: { code: 'KMS_CONFLICT' } });
      expect((await kms.fetch(ref, harness.context(ref), store)).dek.equals(winner)).toBe(true);
    });

    test.each([
      ['ceph-csi', 28],
      ['the smallest', 1],
      ['the largest', 1024],
    ])('keeps a key of %s size', async (_, size) => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const old = await kms.ensure(ref, harness.context(ref), store);
      const dek = Secret.fromText('k'.repeat(size - 1) + (size === 1 ? 'k' : '='));
      await kms.replace(ref, dek, old, harness.context(ref), store);
      expect((await kms.fetch(ref, harness.context(ref), store)).dek.equals(dek)).toBe(true);
    });

    test('refuses an empty and an oversized key', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const old = await kms.ensure(ref, harness.context(ref), store);
      for (const dek of [Secret.fromText(''), Secret.random(1025)]) {
        await expect(kms.replace(ref, dek, old, harness.context(ref), store)).toRejectWithCode('REQUEST_INVALID');
      }
    });

    test('removes a key, which may be repeated; afterwards it is gone from the KMS', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const old = await kms.ensure(ref, harness.context(ref), store);
      await kms.remove(ref, harness.context(ref));
      await kms.remove(ref, harness.context(ref));
      await kms.remove(newRef(), harness.context(ref));
      store.wrapped = undefined;
      await expect(kms.fetch(ref, harness.context(ref), store)).toRejectWithCode('KMS_KEY_NOT_FOUND');
      const made = await kms.ensure(ref, harness.context(ref), store);
      expect(made.dek.equals(old.dek)).toBe(false);
      await expect(kms.replace(ref, kms.newDek(), old, harness.context(ref), store)).toRejectWithCode('KMS_CONFLICT');
    });

    test.each(['', '.', '..', '../pvc-1', 'a/b', 'a\\b', 'a\nb', 'a\0b', 'x'.repeat(513)])(
      'refuses %j as a volume id',
      async (volumeId) => {
        const [ref, kms] = [{ ...newRef(), volumeId }, open()];
        const [context, store] = [harness.context(newRef()), new MemoryStore()];
        await expect(kms.ensure(ref, context, store)).toRejectWithCode('REQUEST_INVALID');
        await expect(kms.remove(ref, context)).toRejectWithCode('REQUEST_INVALID');
      },
    );

    testIf(traits.takesAnyId ?? true, 'takes a volume id with unusual characters as it is', async () => {
      const ref = { ...newRef(), volumeId: `${newRef().volumeId} ü%2F?a=b#c&:@+` };
      const [store, kms] = [new MemoryStore(), open()];
      const made = await kms.ensure(ref, harness.context(ref), store);
      expect((await open().fetch(ref, harness.context(ref), store)).dek.equals(made.dek)).toBe(true);
    });

    test('refuses wrong and missing credentials, with no key in any error (R11)', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const present = await kms.ensure(ref, harness.context(ref), store);
      const next = kms.newDek();
      for (const { name, code, makeProvider, context = (at: KeyReference) => harness.context(at) } of harness.faults) {
        const wrong = open(makeProvider);
        const errors = [
          await failure(wrong.fetch(ref, context(ref), store)),
          await failure(wrong.ensure(ref, context(ref), store)),
          await failure(wrong.replace(ref, next, present, context(ref), store)),
        ];
        expect(errors.map((error) => [name, codeOf(error)])).toEqual(errors.map(() => [name, code]));
        const secrets = [present.dek, next, ...context(ref).secrets.values()].map(text);
        for (const secret of secrets.filter((value) => value !== '')) {
          for (const error of errors) expect(textOf(error)).not.toContain(secret);
        }
      }
      expect((await kms.fetch(ref, harness.context(ref), store)).dek.equals(present.dek)).toBe(true);
    });

    test('ends with ABORTED when the caller gives up, before and during the call', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const gone = { ...harness.context(ref), signal: AbortSignal.abort() };
      await expect(kms.ensure(ref, gone, store)).toRejectWithCode('ABORTED');
      await expect(kms.remove(ref, gone)).toRejectWithCode('ABORTED');

      const controller = new AbortController();
      const during = kms.ensure(ref, { ...harness.context(ref), signal: controller.signal }, store);
      controller.abort();
      await expect(during).toRejectWithCode('ABORTED');
      await sleep(50);
      await expect(kms.ensure(ref, harness.context(ref), store)).resolves.toBeDefined();
    });

    test('refuses every call after close, and may be closed twice', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      await kms.ensure(ref, harness.context(ref), store);
      await kms.close();
      await kms.close();
      const context = harness.context(ref);
      await expect(kms.ensure(ref, context, store)).toRejectWithCode('SHUTTING_DOWN');
      await expect(kms.fetch(ref, context, store)).toRejectWithCode('SHUTTING_DOWN');
      await expect(kms.remove(ref, context)).toRejectWithCode('SHUTTING_DOWN');
    });

    testIf(!(traits.takesAnyId ?? true), 'refuses a volume id with characters that the KMS does not take', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      for (const volumeId of [`${ref.volumeId}_x`, `${ref.volumeId} ü`, 'x'.repeat(128)]) {
        const odd = { ...ref, volumeId };
        await expect(kms.ensure(odd, harness.context(odd), store)).toRejectWithCode('REQUEST_INVALID');
      }
    });

    testIf(traits.family === 'wraps', 'unwraps only what is whole', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      const { dek } = await kms.ensure(ref, harness.context(ref), store);
      const wrapped = store.wrapped ?? '';
      const damaged = ['', '{}', wrapped.slice(0, -3), wrapped.replace(/[A-Za-y]/, 'z'), 'x'.repeat(64 * 1024 + 1)];
      for (const bad of damaged) {
        const error = await failure(kms.fetch(ref, harness.context(ref), new MemoryStore(bad)));
        expect(error).toMatchObject({ code: 'KMS_CIPHERTEXT_INVALID' });
        expect(textOf(error)).not.toContain(text(dek));
      }
    });

    const isBound = traits.family === 'wraps' && (traits.bindsVolume ?? true);
    testIf(isBound, 'unwraps only what was wrapped for this volume', async () => {
      const [ref, store, kms] = [newRef(), new MemoryStore(), open()];
      await kms.ensure(ref, harness.context(ref), store);
      const wrapped = store.wrapped ?? '';
      const foreign = newRef();
      const copied = kms.fetch(foreign, harness.context(foreign), new MemoryStore(wrapped));
      await expect(copied).toRejectWithCode('KMS_CIPHERTEXT_INVALID');
    });
  });
}
