import { readFileSync } from 'node:fs';
import { allowedProcessors, busyTicks, oneProcessorPrefix } from '../../../tools/guest/one-processor';

test.each([
  ['0', [0]],
  ['0-3', [0, 1, 2, 3]],
  ['1,3-4', [1, 3, 4]],
])('a process that may run on %s has these processors', (list, processors) => {
  expect(allowedProcessors(`Name:\tnode\nCpus_allowed:\t3\nCpus_allowed_list:\t${list}\nThreads:\t7\n`)).toEqual(
    processors,
  );
});

test('without a list there is none to choose', () => {
  expect(allowedProcessors('Name:\tnode\n')).toEqual([]);
});

test('a processor is busy while it does anything but wait', () => {
  const stat = ['cpu  9 9 9 9 9 9 9 0 0 0', 'cpu0 1 2 4 1000 1000 8 16 0 0 0', 'cpu11 5 0 0 7 7 0 0 0 0 0', 'ctxt 1'];
  expect([...busyTicks(stat.join('\n'))]).toEqual([
    [0, 31],
    [11, 5],
  ]);
});

test('a guest is tied to one of the processors that this process has', async () => {
  const prefix = await oneProcessorPrefix();
  const allowed = allowedProcessors(readFileSync('/proc/self/status', 'utf8'));
  expect(prefix.slice(1)).toEqual(prefix.length === 0 ? [] : ['-c', expect.any(String)]);
  expect(allowed).toEqual(expect.arrayContaining(prefix.slice(2).map(Number)));
});
