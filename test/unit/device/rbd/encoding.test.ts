import { encodeDuration, encodeMap, encodeStructure, encodeText } from '../../../../runtime/device/rbd/rados/encoding';

test('a text is its length in bytes and its bytes', () => {
  expect(encodeText('').toString('hex')).toBe('00000000');
  expect(encodeText('é').toString('hex')).toBe('02000000c3a9');
});

test('a map is its size and its keys and values in order', () => {
  const encoded = encodeMap(
    new Map([
      ['a', 'b'],
      ['c', ''],
    ]),
  );
  expect(encoded.toString('hex')).toBe('0200000001000000610100000062010000006300000000');
});

test.each([
  [0, '0000000000000000'],
  [1500, '010000000065cd1d'],
])('a duration of %d ms is seconds and nanoseconds', (milliseconds, hex) => {
  expect(encodeDuration(milliseconds).toString('hex')).toBe(hex);
});

test('a structure says its version and its length', () => {
  expect(encodeStructure([Uint8Array.of(7), Uint8Array.of(8, 9)]).toString('hex')).toBe('010103000000070809');
});
