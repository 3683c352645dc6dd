import { CodedError } from '../../../runtime/errors';
import { Coalescer, type CoalescerOptions, everyone, type Send } from '../../../runtime/kms-plugin/coalescer';
import type { Outcome } from '../../../runtime/vault/transit';

/** A Vault that answers when the test says so. */
function held(options: Partial<CoalescerOptions> = {}) {
  const flights: {
    readonly items: readonly string[];
    readonly land: (outcomes?: readonly Outcome<string>[]) => void;
  }[] = [];
  const send: Send<string, string> = (items) =>
    new Promise((resolve) => {
      const inCapitals = () => items.map((item) => ({ ok: true as const, value: item.toUpperCase() }));
      const land = (outcomes: readonly Outcome<string>[] = inCapitals()) => resolve(outcomes);
      flights.push({ items, land });
    });
  const coalescer = new Coalescer(send, { operation: 'encrypt', lingerMs: 1_000, ...options });
  const call = (item: string, caller = everyone) => coalescer.call(item, item.length, caller);
  return { flights, coalescer, call };
}

/** Of a call whose end is of no interest. */
const quiet = (call: Promise<string>) => void call.catch(() => undefined);

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test('a call leaves at once when nothing is under way; calls of one turn leave together', async () => {
  const { flights, call } = held();
  const both = [call('a'), call('b')];
  await turn();
  expect(flights.map(({ items }) => items)).toEqual([['a', 'b']]);
  flights[0]?.land();
  expect(await Promise.all(both)).toEqual(['A', 'B']);
});

test('calls gather while a request is under way, and leave as one batch when it lands', async () => {
  const { flights, call } = held();
  const first = call('a');
  await turn();
  const later = [call('b'), call('c')];
  await turn();
  later.push(call('d'));
  await turn();
  expect(flights).toHaveLength(1);
  flights[0]?.land();
  await first;
  await turn();
  expect(flights[1]?.items).toEqual(['b', 'c', 'd']);
  flights[1]?.land();
  expect(await Promise.all(later)).toEqual(['B', 'C', 'D']);
});

test('a slow request delays others by no more than the linger', async () => {
  const { flights, call } = held({ lingerMs: 20 });
  quiet(call('slow'));
  await turn();
  const other = call('quick');
  // The slow one never lands: only the linger lets the other one leave.
  while (flights.length < 2) await turn();
  flights[1]?.land();
  expect(await other).toBe('QUICK');
});

test('a full batch leaves at once, up to the bound of requests under way', async () => {
  const { flights, call, coalescer } = held({ maxBatch: 2, maxFlights: 2 });
  const calls = ['a', 'b', 'c', 'd', 'e'].map((item) => call(item));
  await turn();
  expect(flights.map(({ items }) => items)).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  expect(coalescer.waiting).toBe(1);
  for (const { land } of flights) land();
  await turn();
  flights[2]?.land();
  expect(await Promise.all(calls)).toEqual(['A', 'B', 'C', 'D', 'E']);
});

test('a batch is bounded in bytes, and a single large item still goes', async () => {
  const { flights, call } = held({ maxBatchBytes: 10 });
  quiet(call('x'.repeat(20)));
  quiet(call('y'.repeat(6)));
  quiet(call('z'.repeat(6)));
  await turn();
  expect(flights.map(({ items }) => items.length)).toEqual([1]);
  flights[0]?.land();
  await turn();
  expect(flights[1]?.items).toEqual(['yyyyyy']);
});

test('each item has its own outcome', async () => {
  const { flights, call } = held();
  const outcomes = Promise.allSettled([call('a'), call('b'), call('c')]);
  await turn();
  const error = new CodedError('KMS_CIPHERTEXT_INVALID', 'bad', { remedy: 'None.' });
  flights[0]?.land([
    { ok: true, value: '1' },
    { ok: false, error },
  ]);
  expect(await outcomes).toMatchObject([
    { value: '1' },
    { reason: error },
    // An answer that is shorter than the request must not leave a caller waiting.
    { reason: { code: 'INTERNAL' } },
  ]);
});

test('a request that fails fails its callers only, and the next ones go on', async () => {
  let broken = true;
  const send: Send<string, string> = async (items) => {
    if (broken) throw new CodedError('KMS_SEALED', 'sealed', { remedy: 'Unseal.' });
    return items.map((value) => ({ ok: true, value }));
  };
  const coalescer = new Coalescer(send, { operation: 'encrypt' });
  await expect(coalescer.call('a', 1, everyone)).toRejectWithCode('KMS_SEALED');
  broken = false;
  expect(await coalescer.call('b', 1, everyone)).toBe('b');
});

test('refuses at once what does not fit into the queue: ten thousand calls stay bounded', async () => {
  const { call, coalescer } = held({ maxWaiting: 1_000, maxBatch: 10, maxFlights: 1 });
  const outcomes = Array.from({ length: 10_000 }, () => call('x').then(undefined, (error: CodedError) => error.code));
  await turn();
  expect(coalescer.waiting).toBeLessThanOrEqual(1_000);
  expect(await outcomes.at(-1)).toBe('KMS_QUEUE_FULL');
});

test('refuses at once more bytes than may wait', async () => {
  const { call } = held({ maxWaitingBytes: 10 });
  quiet(call('123456'));
  await expect(call('123456')).toRejectWithCode('KMS_QUEUE_FULL');
});

test('a request that hangs ends at the deadline, and so do those who wait behind it', async () => {
  const { call, flights } = held({ timeoutMs: 50, maxFlights: 1 });
  const first = call('a');
  await turn();
  const both = await Promise.allSettled([first, call('b')]);
  expect(both).toMatchObject([{ reason: { code: 'KMS_TIMEOUT' } }, { reason: { code: 'KMS_TIMEOUT' } }]);
  expect(flights.length).toBeLessThanOrEqual(2);
});

test('does not bother Vault with calls whose caller has gone', async () => {
  const { call, flights } = held({ maxFlights: 1 });
  quiet(call('a'));
  await turn();
  const gone = call('gone', { deadlineAt: Number.POSITIVE_INFINITY, isGone: () => true });
  const late = call('late', { deadlineAt: performance.now() - 1, isGone: () => false });
  const rejected = Promise.allSettled([gone, late]);
  quiet(call('b'));
  flights[0]?.land();
  await turn();
  expect(flights[1]?.items).toEqual(['b']);
  expect((await rejected).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
