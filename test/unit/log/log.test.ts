import { CodedError } from '../../../runtime/errors';
import { createLog, type Log, type LogFields } from '../../../runtime/log';
import { Secret } from '../../../runtime/secret';

let lines: string[];
let log: Log;
beforeEach(() => {
  lines = [];
  log = createLog('debug', { write: (line) => void lines.push(line) });
});
const only = () => {
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
};

test('a line is JSON with time, level, message and the listed fields', () => {
  log.info('step done', { operation: 'stage', step: 'open', durationMs: 12 });
  expect(only()).toMatchObject({
    msg: 'step done',
    operation: 'stage',
    step: 'open',
    durationMs: 12,
    time: expect.stringMatching(/^\d{4}-/),
  });
});

describe('R11: only what is listed is written', () => {
  test('a field that is not listed is dropped at run time as well', () => {
    log.info('x', { volumeId: 'v', passphrase: 'canary' } as LogFields);
    expect(lines.join()).not.toContain('canary');
    expect(only()).toMatchObject({ volumeId: 'v' });
  });

  test('an object in the place of a text is dropped', () => {
    log.info('x', {
      detail: { key: 'canary' },
      path: ['canary'],
      rpc: Secret.fromText('canary'),
    } as unknown as LogFields);
    expect(lines.join()).not.toContain('canary');
  });

  test('what libraries hang on an error is dropped; code, text and causes are kept', () => {
    const inner = Object.assign(new Error('socket hang up'), {
      config: { headers: { token: 'canary' } },
      dek: Secret.fromText('canary'),
    });
    const error = Object.assign(new CodedError('KMS_UNREACHABLE', 'no answer', { remedy: 'Look.', cause: inner }), {
      request: 'canary',
    });
    log.warn('call failed', { rpc: 'r', error });
    expect(lines.join()).not.toContain('canary');
    expect(only()).toMatchObject({
      code: 'KMS_UNREACHABLE',
      detail: 'no answer. Look.',
      cause: [expect.stringContaining('socket hang up')],
    });
  });

  test('a thrown value that is no error is not written', () => {
    log.error('x', { error: 'canary' });
    expect(lines.join()).not.toContain('canary');
  });
});

test('a chain of causes that is a circle ends', () => {
  const first = new Error('first');
  const second = new Error('second', { cause: first });
  first.cause = second;
  log.error('x', { error: first });
  expect((only().cause as string[]).length).toBeLessThanOrEqual(5);
});

test('a level that is not wanted is not written', () => {
  const quiet = createLog('warn', { write: (line) => void lines.push(line) });
  quiet.debug('a');
  quiet.info('b');
  quiet.error('c');
  expect(only()).toMatchObject({ msg: 'c' });
});
