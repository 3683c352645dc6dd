/** The few bytes that gRPC adds to HTTP/2 for a unary call: message frames, time-outs and texts in headers. */
import { CodedError } from '../errors';

const frameHeaderBytes = 5;

/**
 * The message in the body of a request.
 * @throws CodedError REQUEST_INVALID: compressed, cut off, or more than one message.
 */
export function readFrame(body: Buffer): Buffer {
  if (body.length < frameHeaderBytes) throw malformed('the request ends before its message');
  if (body[0] !== 0) throw malformed('the message is compressed');
  if (body.readUInt32BE(1) !== body.length - frameHeaderBytes) {
    throw malformed('the length of the message is not the one that it states');
  }
  return body.subarray(frameHeaderBytes);
}

/** The body of an answer with one message, not compressed. */
export function writeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, frameHeaderBytes);
  return frame;
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** Milliseconds of a `grpc-timeout` header; undefined when there is none or it says nothing that can be understood. */
export function readTimeout(header: string | string[] | undefined): number | undefined {
  const [, amount, unit] = (typeof header === 'string' && /^(\d{1,8})([HMSmun])$/.exec(header)) || [];
  return amount === undefined || unit === undefined ? undefined : Number(amount) * (unitMs[unit] ?? 0);
}

/** Header values are ASCII: other bytes, and the percent sign, are percent-encoded (gRPC over HTTP/2, Status-Message). */
export function encodeStatusMessage(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

function malformed(fault: string): CodedError {
  return new CodedError('REQUEST_INVALID', `the request is no uncompressed unary gRPC call: ${fault}`, {
    remedy: 'Call with a gRPC client without compression.',
  });
}
