/**
 * Requests and responses of KMIP 1.4, as far as ceph-csi uses them (facts/ceph-csi-kms.md §11): one batch item each, whose
 * unique id is 16 random bytes. Numbers are those of the specification, section 9.1.3.
 */
import { randomUUID } from 'node:crypto';
import { decodeTtlv, encodeTtlv, type Ttlv, TtlvError, type TtlvOf, type TtlvType } from './ttlv';

const tags = {
  batchCount: 0x42000d,
  batchItem: 0x42000f,
  blockCipherMode: 0x420011,
  cryptographicAlgorithm: 0x420028,
  cryptographicParameters: 0x42002b,
  data: 0x4200c2,
  ivCounterNonce: 0x42003d,
  keyBlock: 0x420040,
  keyMaterial: 0x420043,
  keyValue: 0x420045,
  objectType: 0x420057,
  operation: 0x42005c,
  paddingMethod: 0x42005f,
  protocolVersion: 0x420069,
  protocolVersionMajor: 0x42006a,
  protocolVersionMinor: 0x42006b,
  requestHeader: 0x420077,
  requestMessage: 0x420078,
  requestPayload: 0x420079,
  responseHeader: 0x42007a,
  responseMessage: 0x42007b,
  responsePayload: 0x42007c,
  resultMessage: 0x42007d,
  resultReason: 0x42007e,
  resultStatus: 0x42007f,
  symmetricKey: 0x42008f,
  uniqueBatchItemId: 0x420093,
  uniqueIdentifier: 0x420094,
} as const;

const operations = { get: 0x0a, discoverVersions: 0x1e, encrypt: 0x1f, decrypt: 0x20 } as const;
const aesCbcPkcs5 = { blockCipherMode: 1, paddingMethod: 3, cryptographicAlgorithm: 3 } as const;
const objectTypeSymmetricKey = 2;
const resultSuccess = 0;

export type Operation = keyof typeof operations;

export interface Request {
  readonly operation: Operation;
  readonly batchItemId: Buffer;
  /** Holds the key for `encrypt`: zero it when it has been sent. */
  readonly bytes: Buffer;
}

/** The server's word that it did not do it. */
export interface Failure {
  readonly reason: number;
  /** Free text of the server. */
  readonly message: string;
}

export type Response =
  | { readonly ok: true; readonly payload: readonly Ttlv[] }
  | { readonly ok: false; readonly failure: Failure };

export function discoverVersions(): Request {
  return request('discoverVersions', [version14]);
}

export function encrypt(uniqueIdentifier: string, data: Buffer, nonce: Buffer): Request {
  return request('encrypt', cryptoPayload(uniqueIdentifier, data, nonce));
}

export function decrypt(uniqueIdentifier: string, data: Buffer, nonce: Buffer): Request {
  return request('decrypt', cryptoPayload(uniqueIdentifier, data, nonce));
}

export function get(uniqueIdentifier: string): Request {
  return request('get', [text(tags.uniqueIdentifier, uniqueIdentifier)]);
}

/**
 * Checks a response in ceph-csi's order: batch count, one item, same operation, same id, status. Some servers leave
 * operation and id out of a failure: then what they say counts.
 * @throws TtlvError when the bytes are no response to `request`
 */
export function readResponse(bytes: Buffer, { operation, batchItemId }: Request): Response {
  const message = decodeTtlv(bytes);
  if (message.tag !== tags.responseMessage) throw new TtlvError('the message is no response');
  const header = structure([message], tags.responseMessage, tags.responseHeader);
  if (find(header, tags.batchCount, 'integer')?.value !== 1) throw new TtlvError('the batch count is not 1');
  const items = structure([message], tags.responseMessage).filter(({ tag }) => tag === tags.batchItem);
  const [item] = items;
  if (items.length !== 1 || item?.type !== 'structure') throw new TtlvError('there is not exactly one batch item');
  const status = find(item.value, tags.resultStatus, 'enumeration')?.value;
  const answered = find(item.value, tags.operation, 'enumeration')?.value;
  const isFailure = status !== undefined && status !== resultSuccess;
  if (answered !== operations[operation] && !(isFailure && answered === undefined)) {
    throw new TtlvError('the response is to another operation');
  }
  const id = find(item.value, tags.uniqueBatchItemId, 'bytes')?.value;
  if (!id?.equals(batchItemId) && !(isFailure && id === undefined))
    throw new TtlvError('the response is to another request');
  if (isFailure) return { ok: false, failure: failureOf(item.value) };
  if (status === undefined) throw new TtlvError('the result has no status');
  return { ok: true, payload: structure(item.value, tags.responsePayload) };
}

/** @throws TtlvError unless exactly version 1.4 is discovered. */
export function requireVersion14(payload: readonly Ttlv[]): void {
  const versions = payload.filter(({ tag }) => tag === tags.protocolVersion);
  const parts = structure(versions, tags.protocolVersion);
  const major = find(parts, tags.protocolVersionMajor, 'integer')?.value;
  const minor = find(parts, tags.protocolVersionMinor, 'integer')?.value;
  if (versions.length === 1 && major === 1 && minor === 4) return;
  throw new TtlvError('the server does not speak KMIP 1.4');
}

/** Result of an encryption or decryption. @throws TtlvError */
export function dataOf(payload: readonly Ttlv[]): Buffer {
  const data = find(payload, tags.data, 'bytes')?.value;
  if (data === undefined || data.length === 0) throw new TtlvError('the response has no data');
  return data;
}

/** Raw bytes of a symmetric key. @throws TtlvError */
export function keyOf(payload: readonly Ttlv[]): Buffer {
  if (find(payload, tags.objectType, 'enumeration')?.value !== objectTypeSymmetricKey) {
    throw new TtlvError('the object is not a symmetric key');
  }
  const value = structure(payload, tags.symmetricKey, tags.keyBlock, tags.keyValue);
  const material = find(value, tags.keyMaterial, 'bytes')?.value;
  if (material === undefined) throw new TtlvError('the key is not given as raw bytes');
  return material;
}

const version14: Ttlv = {
  tag: tags.protocolVersion,
  type: 'structure',
  value: [
    { tag: tags.protocolVersionMajor, type: 'integer', value: 1 },
    { tag: tags.protocolVersionMinor, type: 'integer', value: 4 },
  ],
};

function request(operation: Operation, payload: readonly Ttlv[]): Request {
  const batchItemId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  const header: readonly Ttlv[] = [version14, { tag: tags.batchCount, type: 'integer', value: 1 }];
  const item: readonly Ttlv[] = [
    { tag: tags.operation, type: 'enumeration', value: operations[operation] },
    { tag: tags.uniqueBatchItemId, type: 'bytes', value: batchItemId },
    { tag: tags.requestPayload, type: 'structure', value: payload },
  ];
  const bytes = encodeTtlv({
    tag: tags.requestMessage,
    type: 'structure',
    value: [
      { tag: tags.requestHeader, type: 'structure', value: header },
      { tag: tags.batchItem, type: 'structure', value: item },
    ],
  });
  return { operation, batchItemId, bytes };
}

function cryptoPayload(uniqueIdentifier: string, data: Buffer, nonce: Buffer): readonly Ttlv[] {
  const parameters = Object.entries(aesCbcPkcs5).map(
    ([name, value]): Ttlv => ({ tag: tags[name as keyof typeof aesCbcPkcs5], type: 'enumeration', value }),
  );
  return [
    text(tags.uniqueIdentifier, uniqueIdentifier),
    { tag: tags.cryptographicParameters, type: 'structure', value: parameters },
    { tag: tags.data, type: 'bytes', value: data },
    { tag: tags.ivCounterNonce, type: 'bytes', value: nonce },
  ];
}

function text(tag: number, value: string): Ttlv {
  return { tag, type: 'text', value };
}

function failureOf(item: readonly Ttlv[]): Failure {
  return {
    reason: find(item, tags.resultReason, 'enumeration')?.value ?? 0,
    message: find(item, tags.resultMessage, 'text')?.value ?? '',
  };
}

function find<T extends TtlvType>(items: readonly Ttlv[], tag: number, type: T): TtlvOf<T> | undefined {
  return items.find((item) => item.tag === tag && item.type === type) as TtlvOf<T> | undefined;
}

/** The items inside nested structures, by the path of tags. */
function structure(items: readonly Ttlv[], ...path: readonly number[]): readonly Ttlv[] {
  return path.reduce<readonly Ttlv[]>((inside, tag) => {
    const found = inside.find((item) => item.tag === tag);
    if (found?.type !== 'structure') throw new TtlvError(`the structure 0x${tag.toString(16)} is missing`);
    return found.value;
  }, items);
}
