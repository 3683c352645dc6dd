import { Perishable } from '../../../runtime/async/perishable';
import { Recent } from '../../../runtime/async/recent';
import { CodedError } from '../../../runtime/errors';

const minute = 60_000;

function counting(ttlMs: number, clock: { now: number }) {
  let made = 0;
  const perishable = new Perishable(
    async () => ({ value: `value ${++made}`, ttlMs }),
    () => clock.now,
  );
  return { perishable, made: () => made };
}

test('obtains one value for all who ask at the same time, and keeps it', async () => {
  const { perishable, made } = counting(60 * minute, { now: 0 });
  expect(new Set(await Promise.all([perishable.get(), perishable.get(), perishable.get()]))).toEqual(
    new Set(['value 1']),
  );
  expect(await perishable.get()).toBe('value 1');
  expect(made()).toBe(1);
});

test('obtains another one before the end of its life: five minutes of a long one, a fifth of a short one', async () => {
  for (const [ttlMs, leftMs] of [
    [60 * minute, 5 * minute],
    [minute, 12_000],
  ] as const) {
    const clock = { now: 0 };
    const { perishable } = counting(ttlMs, clock);
    await perishable.get();
    clock.now = ttlMs - leftMs - 1;
    expect(await perishable.get()).toBe('value 1');
    clock.now += 2;
    expect(await perishable.get()).toBe('value 2');
  }
});

test('forgets a value that was refused, once for all who had it', async () => {
  const { perishable, made } = counting(minute, { now: 0 });
  const value = await perishable.get();
  perishable.drop(value);
  expect(await perishable.get()).toBe('value 2');
  perishable.drop(value);
  expect(await perishable.get()).toBe('value 2');
  expect(made()).toBe(2);
});

test('a refusal is passed on for a second without asking again; what may pass is asked again at once', async () => {
  const clock = { now: 0 };
  let asked = 0;
  const fail = (code: 'KMS_DENIED' | 'KMS_UNREACHABLE') =>
    new Perishable(
      async () => {
        asked += 1;
        throw new CodedError(code, 'no', { remedy: 'Wait.' });
      },
      () => clock.now,
    );
  const denied = fail('KMS_DENIED');
  await expect(denied.get()).toRejectWithCode('KMS_DENIED');
  await expect(denied.get()).toRejectWithCode('KMS_DENIED');
  expect(asked).toBe(1);
  clock.now = 1_001;
  await expect(denied.get()).toRejectWithCode('KMS_DENIED');
  expect(asked).toBe(2);
  const away = fail('KMS_UNREACHABLE');
  await expect(away.get()).toRejectWithCode('KMS_UNREACHABLE');
  await expect(away.get()).toRejectWithCode('KMS_UNREACHABLE');
  expect(asked).toBe(4);
});

test('who gives up while waiting does not end the work for the others', async () => {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const perishable = new Perishable(async () => {
    await gate;
    return { value: 1, ttlMs: minute };
  });
  const controller = new AbortController();
  const [given, patient] = [perishable.get(controller.signal), perishable.get()];
  controller.abort();
  await expect(given).toRejectWithCode('ABORTED');
  open();
  expect(await patient).toBe(1);
});

test('Recent gives up what was used longest ago, and hands out everything at the end', () => {
  const made: string[] = [];
  const recent = new Recent(2, (key) => {
    made.push(key);
    return { key };
  });
  const a = recent.get('a');
  recent.get('b');
  expect(recent.get('a')).toBe(a);
  recent.get('c');
  recent.get('a');
  recent.get('b');
  expect(made).toEqual(['a', 'b', 'c', 'b']);
  const ended: string[] = [];
  recent.clear(({ key }) => ended.push(key));
  expect(ended.sort()).toEqual(['a', 'b']);
});
