import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { type Code, CodedError, codes, isCoded, isErrno, toCoded } from '../../../runtime/errors';
import { statusOfCode } from '../../../runtime/grpc/status';

const root = join(__dirname, '../../..');
const all = Object.keys(codes) as Code[];

describe('the closed set of codes', () => {
  test('each has a gRPC status, and none is OK', () => {
    expect(Object.keys(statusOfCode)).toEqual(all);
    expect(Object.values(statusOfCode)).not.toContain(status.OK);
    expect(Object.values(statusOfCode)).not.toContain(status.UNKNOWN);
  });

  test('what may succeed by itself later is answered so that kubelet, sidecars and API server call again', () => {
    const inProgress: readonly status[] = [status.ABORTED, status.UNAVAILABLE, status.RESOURCE_EXHAUSTED];
    const wrong = all.filter((code) => codes[code].retryable && !inProgress.includes(statusOfCode[code]));
    expect(wrong).toEqual([]);
  });

  test('each is thrown somewhere in the runtime: no code is left over', () => {
    const sources = execFileSync('grep', [
      '-rhoE',
      "'[A-Z]+(_[A-Z]+)*'",
      join(root, 'runtime'),
      '--include=*.ts',
      '--exclude=status.ts',
      '--exclude-dir=gen',
    ]);
    const counts = new Map<string, number>();
    for (const quoted of sources.toString().split('\n'))
      counts.set(quoted.slice(1, -1), (counts.get(quoted.slice(1, -1)) ?? 0) + 1);
    expect(all.filter((code) => !counts.has(code))).toEqual([]);
  });

  test('docs/errors.md explains each, in a section or row of its own, and no other', () => {
    const file = join(root, 'docs/errors.md');
    expect(existsSync(file)).toBe(true);
    const text = readFileSync(file, 'utf8');
    const documented = [...text.matchAll(/^(?:#{2,4} |\| ?)`?([A-Z]{2,}(?:_[A-Z]+)*)`?(?= ?\||\s*$| )/gm)].map(
      ([, code]) => code,
    );
    expect([...new Set(documented)].sort()).toEqual([...all].sort());
    expect(documented).toHaveLength(all.length);
  });
});

describe('an error', () => {
  const error = new CodedError('VOLUME_BUSY', 'volume v is busy', {
    remedy: 'Repeat the call.',
    cause: new Error('inner'),
  });

  test('says for people what is wrong and then what to do, and not its cause', () => {
    expect(error.summary).toBe('volume v is busy. Repeat the call.');
    expect(error.summary).not.toContain('inner');
    expect(error.retryable).toBe(true);
  });

  test('is recognised by its code', () => {
    expect(isCoded(error)).toBe(true);
    expect(isCoded(error, 'VOLUME_IN_USE', 'VOLUME_BUSY')).toBe(true);
    expect(isCoded(error, 'VOLUME_IN_USE')).toBe(false);
    expect(isCoded(new Error('VOLUME_BUSY'))).toBe(false);
  });
});

describe('what was thrown by others', () => {
  const errno = (code: string) => Object.assign(new Error(code), { code });
  const cases: readonly (readonly [name: string, thrown: unknown, code: Code])[] = [
    ['a cancelled wait', new DOMException('stopped', 'AbortError'), 'ABORTED'],
    ['a full disk', errno('ENOSPC'), 'STORAGE_FULL'],
    ['an exceeded quota', errno('EDQUOT'), 'STORAGE_FULL'],
    ['any other system error', errno('EIO'), 'INTERNAL'],
    ['a bug', new TypeError('x is undefined'), 'INTERNAL'],
    ['no error at all', 'text', 'INTERNAL'],
  ];
  test.each(cases)('%s becomes a code, with the original as its cause', (_, thrown, code) => {
    const coded = toCoded(thrown);
    expect(coded.code).toBe(code);
    expect(coded.cause).toBe(thrown);
  });

  test('a coded error passes as it is', () => {
    const error = new CodedError('KMS_DENIED', 'no', { remedy: 'Ask.' });
    expect(toCoded(error)).toBe(error);
  });

  test('the text of an unforeseen error does not reach the caller', () => {
    expect(toCoded(new Error('passphrase=hunter2')).summary).not.toContain('hunter2');
  });

  test('system errors are recognised by name only', () => {
    expect(isErrno(errno('ENOENT'), 'EEXIST', 'ENOENT')).toBe(true);
    expect(isErrno(errno('ENOENT'), 'EEXIST')).toBe(false);
    expect(isErrno({ code: 'ENOENT' }, 'ENOENT')).toBe(false);
  });
});
