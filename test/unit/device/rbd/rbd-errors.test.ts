/** What `rbd` of Ceph 16 says, and how it ends. */
import { endedWith, rbdError } from '../../../../runtime/device/rbd/rbd-errors';
import { CodedError } from '../../../../runtime/errors';
import { ToolError } from '../../../../runtime/process/run';

const failure = (exitCode: number, stderr: string) =>
  new ToolError('rbd', { exitCode, stdout: '', stderr, durationMs: 1 });

test.each([
  [1, 'rbd: create error: (1) Operation not permitted', 'CEPH_DENIED'],
  [1, "rbd: unrecognised option '--nonsense'", 'CEPH_FAILED'],
  [2, "rbd: error opening pool 'nopool': (2) No such file or directory", 'POOL_NOT_FOUND'],
  [2, "rbd: namespace 'nons' does not exist.", 'POOL_NOT_FOUND'],
  [
    2,
    '-1 librbd::image::CreateRequest: validate_data_pool: data pool nope does not exist\nrbd: create error: (2)',
    'POOL_NOT_FOUND',
  ],
  [2, 'rbd: error opening image none: (2) No such file or directory', 'VOLUME_NOT_FOUND'],
  [13, "rbd: couldn't connect to the cluster!", 'CEPH_DENIED'],
  [16, 'rbd: error: image still has watchers', 'VOLUME_IN_USE'],
  [22, 'rbd: create error: (22) Invalid argument', 'CEPH_FAILED'],
  [28, 'rbd: create error: (28) No space left on device', 'STORAGE_FULL'],
  [108, 'rbd: map failed: (108) Cannot send after transport endpoint shutdown', 'CEPH_BLOCKLISTED'],
  [110, "rbd: couldn't connect to the cluster!", 'CEPH_UNREACHABLE'],
  [122, 'rbd: create error: (122) Disk quota exceeded', 'STORAGE_FULL'],
  [134, '', 'CEPH_FAILED'],
])('exit code %i with %j is %s', (exitCode, stderr, code) => {
  const error = rbdError(failure(exitCode, stderr), 'do it');
  expect(error).toMatchObject({ code });
  expect(endedWith(error, exitCode)).toBe(true);
  expect(endedWith(error, 255)).toBe(false);
});

test('the message tells what killed the command, which may be want of memory', () => {
  const error = rbdError(failure(128, 'killed by SIGKILL'), 'create x');
  expect((error as CodedError).message).toBe('cannot create x: killed by SIGKILL');
});

test('the message has what the command said, without the lines of its libraries', () => {
  const error = rbdError(
    failure(17, '2026-11-23T03:54:47.062+0000 7feffd8db380 -1 librbd: noise\n\nrbd: create error: (17) File exists\n'),
    'create x',
  );
  expect((error as CodedError).message).toBe('cannot create x: create error: (17) File exists');
});

test('what is no failed exit stays as it is', () => {
  const timeout = new CodedError('TOOL_TIMEOUT', 'too long', { remedy: 'Wait.' });
  expect(rbdError(timeout, 'do it')).toBe(timeout);
  expect(endedWith(timeout, 110)).toBe(false);
});
