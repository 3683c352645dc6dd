import { CodedError } from '../../../runtime/errors';
import { type CacheOptions, ObjectCache } from '../../../runtime/tenant-agent/cache';

let now = 0;
const failing = (code: 'KMS_UNREACHABLE' | 'KMS_DENIED' | 'KMS_ANSWER_INVALID') => () =>
  Promise.reject(new CodedError(code, 'no', { remedy: 'None.' }));
const make = (options: CacheOptions<string> = {}) =>
  new ObjectCache<string>({ foundMs: 100, absentMs: 50, staleMs: 1_000, deniedMs: 300, now: () => now, ...options });

beforeEach(() => {
  now = 0;
});

describe('the cache of the tenant agent', () => {
  test('asks once for all who ask at the same time, and remembers for a while', async () => {
    const cache = make();
    let reads = 0;
    const read = async () => `${++reads}`;
    expect(await Promise.all([1, 2, 3].map(() => cache.get('a', read)))).toEqual(['1', '1', '1']);
    now = 99;
    expect(await cache.get('a', read)).toBe('1');
    expect(await cache.get('b', read)).toBe('2');
    now = 100;
    expect(await cache.get('a', read)).toBe('3');
    expect(await cache.get('a', read, { fresh: true })).toBe('4');
  });

  test('remembers what is absent for a shorter time', async () => {
    const cache = make();
    expect(await cache.get('a', async () => undefined)).toBeUndefined();
    now = 49;
    expect(await cache.get('a', async () => 'there')).toBeUndefined();
    now = 50;
    expect(await cache.get('a', async () => 'there')).toBe('there');
  });

  test('says what it knew while the API server is away, for a while', async () => {
    const cache = make();
    await cache.get('a', async () => 'known');
    now = 999;
    expect(await cache.get('a', failing('KMS_UNREACHABLE'), { fresh: true })).toBe('known');
    now = 1_000;
    await expect(cache.get('a', failing('KMS_UNREACHABLE'))).toRejectWithCode('KMS_UNREACHABLE');
    await expect(cache.get('b', failing('KMS_UNREACHABLE'))).toRejectWithCode('KMS_UNREACHABLE');
  });

  test('a server that has just started denies what it allows: believed after a while, or when asked anew', async () => {
    const cache = make();
    await cache.get('a', async () => 'known');
    now = 299;
    expect(await cache.get('a', failing('KMS_DENIED'))).toBe('known');
    await expect(cache.get('a', failing('KMS_DENIED'), { fresh: true })).toRejectWithCode('KMS_DENIED');
    now = 300;
    await expect(cache.get('a', failing('KMS_DENIED'))).toRejectWithCode('KMS_DENIED');
  });

  test('never believes an older answer when the new one is nonsense', async () => {
    const cache = make();
    await cache.get('a', async () => 'known');
    now = 150;
    await expect(cache.get('a', failing('KMS_ANSWER_INVALID'))).toRejectWithCode('KMS_ANSWER_INVALID');
  });

  test('is bounded, forgets what was used longest ago, and discards what it forgets', async () => {
    const discarded: string[] = [];
    const cache = make({ maxObjects: 2, discard: (value) => discarded.push(value) });
    for (const key of ['a', 'b']) await cache.get(key, async () => key);
    await cache.get('a', async () => 'unused');
    await cache.get('c', async () => 'c');
    expect(discarded).toEqual(['b']);
    expect(cache.size).toBe(2);
    now = 100;
    await cache.get('a', async () => 'a2');
    expect(discarded).toEqual(['b', 'a']);
    cache.clear();
    expect(discarded.sort()).toEqual(['a', 'a2', 'b', 'c']);
  });

  test('who gives up does not cancel it for the others', async () => {
    const cache = make();
    let finish: (value: string) => void = () => undefined;
    const read = () =>
      new Promise<string>((resolve) => {
        finish = resolve;
      });
    const controller = new AbortController();
    const one = cache.get('a', read, { signal: controller.signal });
    const other = cache.get('a', read);
    controller.abort();
    await expect(one).toRejectWithCode('ABORTED');
    finish('done');
    expect(await other).toBe('done');
  });
});
