/** Answers the look-ups of pods: the fixed names of the box, and nothing else. Source: RFC 1035, 4.1. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const headerBytes = 12;
const typeA = 1;
const classInternet = 1;
const ttlSeconds = 30;
const noSuchName = 3;

/** Serves `names` (of lower case, to IPv4 addresses) on UDP port 53 of `address`. @throws system errors of binding */
export async function serveNames(address: string, names: ReadonlyMap<string, string>): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = answerQuery(query, names);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
}

/** @returns undefined for what is no query with one question */
export function answerQuery(query: Buffer, names: ReadonlyMap<string, string>): Buffer | undefined {
  if (query.length < headerBytes || query.readUInt16BE(4) !== 1 || (query.readUInt8(2) & 0x80) !== 0) return undefined;
  const question = readQuestion(query);
  if (question === undefined) return undefined;
  const target = names.get(question.name.toLowerCase());
  const isAnswered = target !== undefined && question.type === typeA && question.class === classInternet;
  const header = Buffer.from(query.subarray(0, headerBytes));
  // An authoritative answer; recursion as it was desired.
  header.writeUInt8(0x84 | (query.readUInt8(2) & 0x01), 2);
  header.writeUInt8(target === undefined ? noSuchName : 0, 3);
  header.writeUInt16BE(isAnswered ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  const asked = query.subarray(headerBytes, question.end);
  return Buffer.concat([header, asked, ...(isAnswered ? [record(target)] : [])]);
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Offset of what follows it. */
  readonly end: number;
}

function readQuestion(query: Buffer): Question | undefined {
  const labels: string[] = [];
  let offset = headerBytes;
  for (;;) {
    const length = query[offset];
    // Two high bits: a pointer, which no question needs.
    if (length === undefined || length > 63) return undefined;
    if (length === 0) break;
    labels.push(query.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  const end = offset + 5;
  if (end > query.length) return undefined;
  return { name: labels.join('.'), type: query.readUInt16BE(offset + 1), class: query.readUInt16BE(offset + 3), end };
}

function record(address: string): Buffer {
  const data = Buffer.alloc(16);
  // The name, as a pointer to that of the question.
  data.writeUInt16BE(0xc000 | headerBytes, 0);
  data.writeUInt16BE(typeA, 2);
  data.writeUInt16BE(classInternet, 4);
  data.writeUInt32BE(ttlSeconds, 6);
  data.writeUInt16BE(4, 10);
  for (const [index, part] of address.split('.').entries()) data.writeUInt8(Number(part), 12 + index);
  return data;
}
