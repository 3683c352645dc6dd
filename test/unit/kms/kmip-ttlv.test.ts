import fc from 'fast-check';
import { announcedBytes, decodeTtlv, encodeTtlv, type Ttlv, TtlvError } from '../../../runtime/kms/kmip/ttlv';

const tag = fc.integer({ min: 0, max: 0xffffff });
const leaf: fc.Arbitrary<Ttlv> = fc.oneof(
  fc.record({ tag, type: fc.constant('integer' as const), value: fc.integer() }),
  fc.record({
    tag,
    type: fc.constantFrom('enumeration' as const, 'interval' as const),
    value: fc.nat(0xffffffff),
  }) as fc.Arbitrary<Ttlv>,
  fc.record({
    tag,
    type: fc.constantFrom('long' as const, 'date' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }) as fc.Arbitrary<Ttlv>,
  fc.record({ tag, type: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({ tag, type: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ tag, type: fc.constant('bytes' as const), value: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
  fc.record({
    tag,
    type: fc.constant('big' as const),
    value: fc
      .constantFrom(8, 16, 24)
      .chain((size) => fc.uint8Array({ minLength: size, maxLength: size }))
      .map((bytes) => Buffer.from(bytes)),
  }),
);
const item = fc.letrec<{ item: Ttlv }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.record({ tag, type: fc.constant('structure' as const), value: fc.array(tie('item'), { maxLength: 4 }) }),
  ),
})).item;

test('reads what it wrote, and announces its size', () => {
  fc.assert(
    fc.property(item, (value) => {
      const bytes = encodeTtlv(value);
      expect(decodeTtlv(bytes)).toEqual(value);
      expect(announcedBytes(bytes)).toBe(bytes.length);
    }),
  );
});

test('whatever it takes it would have written itself, and anything else is a TtlvError', () => {
  const changed = fc.tuple(item, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([value, at, flip]) => {
    const bytes = encodeTtlv(value);
    bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
    return bytes;
  });
  const cut = fc.tuple(item, fc.nat()).map(([value, at]) => encodeTtlv(value).subarray(0, at));
  const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(changed, cut, any), (bytes) => {
      try {
        expect(encodeTtlv(decodeTtlv(bytes))).toEqual(bytes);
      } catch (error) {
        if (!(error instanceof TtlvError)) throw error;
      }
    }),
    { numRuns: 10_000 },
  );
});

test('the example of the specification (KMIP 1.4, section 9.1.2)', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  expect(encodeTtlv({ tag: 0x420020, type: 'integer', value: 8 })).toEqual(hex('420020 02 00000004 00000008 00000000'));
  expect(encodeTtlv({ tag: 0x420020, type: 'long', value: 123456789000000000n })).toEqual(
    hex('420020 03 00000008 01B69B4BA5749200'),
  );
  expect(encodeTtlv({ tag: 0x420020, type: 'enumeration', value: 255 })).toEqual(
    hex('420020 05 00000004 000000FF 00000000'),
  );
  expect(encodeTtlv({ tag: 0x420020, type: 'boolean', value: true })).toEqual(
    hex('420020 06 00000008 0000000000000001'),
  );
  expect(encodeTtlv({ tag: 0x420020, type: 'text', value: 'Hello World' })).toEqual(
    hex('420020 07 0000000B 48656C6C6F20576F 726C640000000000'),
  );
  expect(encodeTtlv({ tag: 0x420020, type: 'bytes', value: hex('010203') })).toEqual(
    hex('420020 08 00000003 0102030000000000'),
  );
  const structure: Ttlv = {
    tag: 0x420020,
    type: 'structure',
    value: [
      { tag: 0x420004, type: 'enumeration', value: 254 },
      { tag: 0x420005, type: 'integer', value: 255 },
    ],
  };
  expect(encodeTtlv(structure)).toEqual(
    hex('420020 01 00000020 420004 05 00000004 000000FE 00000000 420005 02 00000004 000000FF 00000000'),
  );
});

test.each([
  ['nothing', ''],
  ['a header that is cut off', '42002002000000'],
  ['an unknown type', '420020 0b 00000000'],
  ['an integer of three bytes', '420020 02 00000003 0000000000000000'],
  ['padding that is not zero', '420020 02 00000004 00000008 00000001'],
  ['a length beyond the end', '420020 08 ffffffff 0102030000000000'],
  ['an inner item longer than the outer one', '420020 01 00000008 420004 08 00000008'],
  ['bytes after the end', '420020 02 00000004 00000008 00000000 00'],
  ['a boolean that is two', '420020 06 00000008 0000000000000002'],
  ['text that is not UTF-8', '420020 07 00000001 ff00000000000000'],
  ['a big number of no bytes', '420020 04 00000000'],
])('refuses %s', (_, hex) => {
  expect(() => decodeTtlv(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(TtlvError);
});

test('refuses nesting that would exhaust the stack', () => {
  let nested: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 100; depth += 1) {
    const header = Buffer.from('4200200100000000', 'hex');
    header.writeUInt32BE(nested.length, 4);
    nested = Buffer.concat([header, nested]);
  }
  expect(() => decodeTtlv(nested)).toThrow(TtlvError);
});
