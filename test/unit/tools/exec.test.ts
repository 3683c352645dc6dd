import { exec } from '../../../tools/exec';
import { findCommand } from '../../../tools/find-command';

test('exec hands over lines as they come and returns exit code, stdout and all output', async () => {
  const lines: string[] = [];
  const script = 'console.log("out"); console.error("err"); process.exit(3)';
  const result = await exec(process.execPath, ['-e', script], { onLine: (line) => lines.push(line) });
  expect(lines.sort()).toEqual(['err', 'out']);
  expect(result).toMatchObject({ exitCode: 3, stdout: 'out' });
  expect(result.output.split('\n').sort()).toEqual(['err', 'out']);
});

test('exec does not reject for a command that does not exist', async () => {
  const result = await exec('/nonexistent/command', []);
  expect(result.exitCode).toBeNull();
  expect(result.output).toContain('ENOENT');
});

test('findCommand finds executables only', () => {
  expect(findCommand('sh')).toMatch(/^\/.*\/sh$/);
  expect(findCommand('no-such-command-here')).toBeUndefined();
});
