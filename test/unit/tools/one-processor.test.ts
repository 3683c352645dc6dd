import { allowedProcessors } from '../../../tools/guest/one-processor';

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
