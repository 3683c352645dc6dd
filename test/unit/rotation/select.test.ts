import { create } from '@bufbuild/protobuf';
import { KeySchema } from '../../../runtime/grpc/gen/admin_pb';
import { pacer } from '../../../runtime/rotation/pace';
import { remainsOf } from '../../../runtime/rotation/remains';
import { plan } from '../../../runtime/rotation/select';

const key = (id: string, more: object = {}) =>
  create(KeySchema, { id, kmsId: 'vault', tenant: 'shop', createdAt: '2026-01-01T00:00:00Z', ...more });
const ids = (keys: readonly { readonly id: string }[]) => keys.map(({ id }) => id);

describe('the plan of a run', () => {
  test('takes the oldest key first; one that was never rotated is as old as its volume', () => {
    const keys = [
      key('c', { rotatedAt: '2026-03-01T00:00:00Z' }),
      key('b', { createdAt: '2026-02-01T00:00:00+00:00' }),
      key('a', { rotatedAt: '2026-01-15T00:00:00Z' }),
    ];
    expect(ids(plan(keys, { kind: 'passphrase' }).chosen)).toEqual(['a', 'b', 'c']);
  });

  test('keeps to tenant, KMS and id', () => {
    const keys = [key('a'), key('b', { tenant: 'billing' }), key('c', { kmsId: 'kmip' })];
    expect(ids(plan(keys, { kind: 'passphrase', tenant: 'billing' }).chosen)).toEqual(['b']);
    expect(ids(plan(keys, { kind: 'passphrase', kmsId: 'kmip' }).chosen)).toEqual(['c']);
    expect(ids(plan(keys, { kind: 'passphrase', id: 'a' }).chosen)).toEqual(['a']);
  });

  test('keeps to a class: as the record has it, else as Kubernetes says; what neither knows is left out, and named', () => {
    const keys = [
      key('a', { className: 'fast' }),
      key('b', { className: 'slow' }),
      key('c'),
      key('d'),
      key('s', { isSnapshot: true, sourceId: 'c' }),
    ];
    const known = { kind: 'kek', className: 'fast', classes: new Map([['c', 'fast']]) } as const;
    const { chosen, skipped } = plan(keys, known);
    expect(ids(chosen)).toEqual(['a', 'c', 's']);
    expect(skipped.map((each) => [each.key.id, each.reason])).toEqual([['d', 'class unknown']]);
    expect(ids(plan(keys, { kind: 'kek', className: 'slow' }).chosen)).toEqual(['b']);
  });

  test('leaves out what was rotated in the same way since a time, and says so', () => {
    const keys = [key('a', { rotatedAt: '2026-03-01T00:00:00Z' }), key('b', { rewrappedAt: '2026-03-01T00:00:00Z' })];
    const { chosen, skipped } = plan(keys, { kind: 'passphrase', since: '2026-02-01T00:00:00Z' });
    expect([ids(chosen), skipped.map((each) => each.key.id)]).toEqual([['b'], ['a']]);
    expect(ids(plan(keys, { kind: 'kek', since: '2026-02-01T00:00:00Z' }).chosen)).toEqual(['a']);
  });

  test('wraps the keys of snapshots again, and replaces none of them', () => {
    const keys = [key('a'), key('s', { isSnapshot: true })];
    expect(ids(plan(keys, { kind: 'kek' }).chosen)).toEqual(['a', 's']);
    expect(ids(plan(keys, { kind: 'passphrase' }).chosen)).toEqual(['a']);
  });

  test('re-encrypts nothing that holds no data', () => {
    expect(plan([key('a', { isUnused: true })], { kind: 'volume-key' }).chosen).toEqual([]);
  });
});

describe('what still has a key of a KMS that is not trusted', () => {
  const startedAt = '2026-06-01T00:00:00Z';
  const later = '2026-06-01T00:00:01Z';
  const of = (...keys: ReturnType<typeof key>[]) => ids(remainsOf(keys, 'vault', startedAt));

  test('is nothing of a volume whose passphrase and volume key are new, or that was made since', () => {
    expect(of(key('a', { rotatedAt: later, reencryptedAt: later }))).toEqual([]);
    expect(of(key('a', { kmsId: 'kmip' }))).toEqual([]);
  });

  test('is a volume that was not rotated, its old volume key, a snapshot, and a copy in another KMS', () => {
    expect(of(key('a'))).toEqual(['a', 'a']);
    expect(of(key('a', { rotatedAt: later }))).toEqual(['a']);
    expect(of(key('s', { isSnapshot: true, sourceId: 'a' }))).toEqual(['s']);
    expect(
      of(key('a', { rotatedAt: later, reencryptedAt: later }), key('b', { kmsId: 'kmip', sourceId: 'a' })),
    ).toEqual(['b']);
    expect(of(key('c', { kmsId: 'kmip', hasKeyOfSource: true }))).toEqual(['c']);
  });
});

test('the pace is kept whatever a volume takes, with the shift on top', async () => {
  let nowMs = 0;
  const waits: number[] = [];
  const wait = async (ms: number) => {
    waits.push(ms);
    nowMs += ms;
  };
  const pace = pacer({ perMinute: 6, jitterMs: 1000, random: () => 0.5, wait, nowMs: () => nowMs });
  await pace();
  nowMs += 4_000;
  await pace();
  nowMs += 60_000;
  await pace();
  expect(waits).toEqual([500, 6_000, 500]);
});
