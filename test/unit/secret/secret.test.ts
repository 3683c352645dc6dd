import { inspect } from 'node:util';
import { Secret } from '../../../runtime/secret';

const text = 'canary-4f1d';
const shapes = [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64'), '63 61 6e 61', '99, 97'];

describe('R11: a Secret is never printed', () => {
  const secret = Secret.fromText(text);
  const ways: readonly (readonly [string, () => string])[] = [
    ['String()', () => String(secret)],
    ['a template', () => `${secret}`],
    ['joining', () => ['', secret].join(',')],
    ['JSON, alone and inside', () => JSON.stringify(secret) + JSON.stringify({ a: [secret] })],
    ['inspect, with hidden and deep properties', () => inspect({ a: { b: secret } }, { showHidden: true, depth: 9 })],
    ['the message and stack of an error', () => new Error(`failed with ${secret}`).stack ?? ''],
    [
      'its own property names and values',
      () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret)]),
    ],
    ['a copy of its properties', () => inspect({ ...secret })],
  ];
  test.each(ways)('not by %s', (_, print) => {
    const printed = print();
    for (const shape of shapes) expect(printed).not.toContain(shape);
  });

  test('a structured clone carries nothing', () => {
    expect(inspect(structuredClone(secret), { showHidden: true })).not.toContain('canary');
  });
});

test('lends its bytes inside use() only', () => {
  expect(Secret.fromText('käse').use((bytes) => bytes.toString('utf8'))).toBe('käse');
});

test('zeroes the bytes that it took over, and refuses to be used afterwards', () => {
  const bytes = Buffer.from(text);
  const secret = Secret.take(bytes);
  secret.zero();
  expect(bytes.equals(Buffer.alloc(bytes.length))).toBe(true);
  expect(() => secret.use(() => undefined)).toThrow(/after it had been zeroed/);
  secret.zero();
});

test('is zeroed at the end of a using block', () => {
  const bytes = Buffer.from(text);
  {
    using secret = Secret.take(bytes);
    expect(secret.lengthBytes).toBe(text.length);
  }
  expect(bytes.equals(Buffer.alloc(bytes.length))).toBe(true);
});

test('compares by content, also of different lengths', () => {
  const [one, same, other, longer] = ['a', 'a', 'b', 'aa'].map(Secret.fromText) as [Secret, Secret, Secret, Secret];
  expect(one.equals(same)).toBe(true);
  expect(one.equals(other)).toBe(false);
  expect(one.equals(longer)).toBe(false);
});

test('random ones differ', () => {
  expect(Secret.random(32).equals(Secret.random(32))).toBe(false);
});
