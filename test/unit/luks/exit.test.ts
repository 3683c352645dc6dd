import { explain, opensNothing, unlockedSlot, type Verb, wasDone } from '../../../runtime/luks/exit';
import { ToolError } from '../../../runtime/process/run';
import samples from '../../fixtures/luks/exit-samples.json';

const failure = (exitCode: number, stderr: string) =>
  new ToolError('cryptsetup', { exitCode, stderr, stdout: '', durationMs: 1 });

test.each(samples)('$verb, exit code $exitCode, "$stderr" is $code', ({ verb, exitCode, stderr, code }) => {
  const error = explain(verb as Verb, failure(exitCode, stderr));
  expect(error.code).toBe(code);
  expect(error.remedy).not.toBe('');
});

test.each([
  [1, 'Keyslot 0 is not active.\n', true],
  [1, 'Token 3 is not in use.\n', true],
  [4, 'Device keyward-x is not active.\n', true],
  [1, 'Token 3 in use.\n', false],
  [4, 'Keyslot 0 is not active.\n', false],
  [4, 'Device /dev/x does not exist or access denied.\n', false],
])('exit code %i, %j: was done already is %s, explained or not', (exitCode, stderr, expected) => {
  expect(wasDone(failure(exitCode, stderr))).toBe(expected);
  expect(wasDone(explain('close', failure(exitCode, stderr)))).toBe(expected);
});

test('tells "opens nothing" from a header without keyslots', () => {
  const none = failure(1, 'No usable keyslot is available.\n');
  expect(opensNothing(none, 3)).toBe(true);
  expect(opensNothing(none, undefined)).toBe(false);
  expect(opensNothing(failure(2, ''), undefined)).toBe(true);
  expect(opensNothing(new Error('other'), 1)).toBe(false);
});

test('reads which keyslot was opened, and refuses to guess', () => {
  expect(unlockedSlot('No usable token is available.\nKey slot 12 unlocked.\nCommand successful.\n')).toBe(12);
  expect(() => unlockedSlot('Command successful.\n')).toThrowWithCode('TOOL_FAILED');
});
