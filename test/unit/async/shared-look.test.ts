import { SharedLook } from '../../../runtime/async/shared-look';

function looked() {
  const begun: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const look = new SharedLook(() => new Promise<string>((resolve, reject) => begun.push({ resolve, reject })));
  return { look, begun };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('who asks while a look goes on gets the next one, and all of those the same', async () => {
  const { look, begun } = looked();
  const first = look.now();
  const later = [look.now(), look.now(), look.now()];
  expect(begun).toHaveLength(1);
  begun[0]?.resolve('before');
  expect(await first).toBe('before');
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]?.resolve('after');
  expect(await Promise.all(later)).toEqual(['after', 'after', 'after']);
});

test('who asks while the next look has begun waits for one more', async () => {
  const { look, begun } = looked();
  const [first, second] = [look.now(), look.now()];
  begun[0]?.resolve('one');
  await first;
  await settled();
  const third = look.now();
  begun[1]?.resolve('two');
  expect(await second).toBe('two');
  await settled();
  begun[2]?.resolve('three');
  expect(await third).toBe('three');
});

test('nothing is remembered: a look after the last has ended is a new one', async () => {
  const { look, begun } = looked();
  const first = look.now();
  begun[0]?.resolve('old');
  await first;
  const second = look.now();
  begun[1]?.resolve('new');
  expect(await second).toBe('new');
});

test('a look that fails fails for those who share it, and for nobody after them', async () => {
  const { look, begun } = looked();
  const [first, second] = [look.now(), look.now()];
  begun[0]?.reject(new Error('unreadable'));
  await expect(first).rejects.toThrow('unreadable');
  await settled();
  begun[1]?.resolve('readable');
  expect(await second).toBe('readable');
});
