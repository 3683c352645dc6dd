import { answerQuery } from '../../../../tools/cluster/name-server';

const names = new Map([['vault.vault.svc', '10.99.0.1']]);
const typeA = 1;
const typeAaaa = 28;

/** A query as RFC 1035 has it, with recursion desired. */
function query(name: string, type = typeA): Buffer {
  const header = Buffer.from([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

const codeOf = (answer: Buffer) => answer.readUInt8(3) & 0x0f;
const answersOf = (answer: Buffer) => answer.readUInt16BE(6);

describe('answerQuery', () => {
  test('answers a known name with its address, under the number of the query', () => {
    const asked = query('vault.vault.svc');
    const answer = answerQuery(asked, names) as Buffer;
    expect(answer.readUInt16BE(0)).toBe(0x1234);
    expect(codeOf(answer)).toBe(0);
    expect(answersOf(answer)).toBe(1);
    expect(answer.subarray(12, asked.length)).toEqual(asked.subarray(12));
    expect([...answer.subarray(-4)]).toEqual([10, 99, 0, 1]);
  });

  test('knows no upper and lower case', () => {
    expect(answersOf(answerQuery(query('Vault.VAULT.svc'), names) as Buffer)).toBe(1);
  });

  test('says that an unknown name does not exist', () => {
    const answer = answerQuery(query('example.com'), names) as Buffer;
    expect(codeOf(answer)).toBe(3);
    expect(answersOf(answer)).toBe(0);
  });

  test('says of a known name without IPv6 address that it exists', () => {
    const answer = answerQuery(query('vault.vault.svc', typeAaaa), names) as Buffer;
    expect(codeOf(answer)).toBe(0);
    expect(answersOf(answer)).toBe(0);
  });

  test('leaves out what a client appended to its query', () => {
    const asked = query('vault.vault.svc');
    const answer = answerQuery(Buffer.concat([asked, Buffer.alloc(11)]), names) as Buffer;
    expect(answer).toHaveLength(asked.length + 16);
  });

  test.each([
    ['an answer', Buffer.from(query('a').map((byte, index) => (index === 2 ? byte | 0x80 : byte)))],
    ['two questions', Buffer.from(query('a').map((byte, index) => (index === 5 ? 2 : byte)))],
    ['a name without end', query('vault').subarray(0, -6)],
    ['a question without class', query('vault').subarray(0, -2)],
    ['a compressed name', Buffer.concat([query('').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])])],
    ['too little', Buffer.alloc(5)],
  ])('refuses %s', (_, bytes) => {
    expect(answerQuery(bytes, names)).toBeUndefined();
  });
});
