import { ShellSession } from '../../harness/shell-session';

let shell: ShellSession;
const limitMs = 60_000;
beforeEach(() => {
  shell = new ShellSession('/', { PATH: process.env.PATH });
});
afterEach(() => shell.end());

test('remembers what a block sets, and gives back what it prints on both streams, in their order', async () => {
  await shell.run('name=value; say() { echo "said $1"; }\ncd /tmp\n', limitMs);
  expect(await shell.run('say "$name"; echo wrong >&2; pwd\n', limitMs)).toBe('said value\nwrong\n/tmp\n');
});

test('gives commands nothing to read, so that none reads the next block', async () => {
  expect(await shell.run('cat', limitMs)).toBe('');
  expect(await shell.run('echo next', limitMs)).toBe('next\n');
});

test.each([
  ['the last command', 'echo seen; false'],
  ['one before', 'echo seen; false\necho more'],
  ['one whose output goes to another', '(echo seen; exit 1) | cat'],
])('rejects a block when %s fails, and all that come after it', async (_, block) => {
  await expect(shell.run(block, limitMs)).rejects.toThrow(/exit code 1:\nseen\n$/);
  await expect(shell.run('true', limitMs)).rejects.toThrow('the shell has ended');
});

test('ends what runs in it', async () => {
  const running = shell.run('sleep 1000', limitMs);
  await shell.end();
  await expect(running).rejects.toThrow('a command has failed');
});

test('rejects a block that does not end, with what it has printed', async () => {
  await expect(shell.run('echo seen; sleep 1000', 1_000)).rejects.toThrow(/had not ended after 1 s:\nseen\n$/);
  await expect(shell.run('true', limitMs)).rejects.toThrow('the shell has ended');
});
