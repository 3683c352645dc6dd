/** What etcd holds of an object tells under which provider and key it was encrypted, without opening it. */
import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { EncryptedObjectSchema } from '../grpc/gen/kms_encryptedobject_v2_pb';
import { ciphertextVersion } from '../vault/transit';

export interface StoredUnder {
  /** How the value begins, as the API server's metrics call it: `k8s:enc:kms:v2:vault:`; `identity` for plain text. */
  readonly provider: string;
  /** With KMS v2 what the plugin gave; with v1 on transit `vault:v<version>`; undefined when the value does not tell. */
  readonly keyId?: string;
}

/** Plain text, in the words of the API server. */
export const identity = 'identity';

/** Type, version and name; the API server forbids colons in names. */
const providerPattern = /^k8s:enc:[a-z0-9-]+:v\d+:[^:]*:/;
/** A name is a DNS label or a little more; whatever is longer is no prefix. */
const maxPrefixBytes = 512;

export function storedUnder(value: Uint8Array): StoredUnder {
  const start = Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, maxPrefixBytes));
  const provider = providerPattern.exec(start.toString('latin1'))?.[0];
  if (provider === undefined) return { provider: identity };
  const keyId = keyIdIn(provider, value.subarray(provider.length));
  return { provider, ...(keyId !== undefined && { keyId }) };
}

/** As the API server shows a key id in metrics and logs. */
export function hashOf(keyId: string): string {
  return `sha256:${createHash('sha256').update(keyId).digest('hex')}`;
}

/** What `prefix` names in the configuration: `vault` of `k8s:enc:kms:v2:vault:`. */
export function providerName(provider: string): string {
  return provider.split(':')[4] ?? provider;
}

export function isKmsV1(provider: string): boolean {
  return provider.startsWith('k8s:enc:kms:v1:');
}

export function isKmsV2(provider: string): boolean {
  return provider.startsWith('k8s:enc:kms:v2:');
}

function keyIdIn(provider: string, rest: Uint8Array): string | undefined {
  if (isKmsV2(provider)) return keyIdOfObject(rest);
  if (!isKmsV1(provider)) return undefined;
  const version = ciphertextVersion(wrappedKeyOfV1(rest));
  return version === undefined ? undefined : `vault:v${version}`;
}

function keyIdOfObject(bytes: Uint8Array): string | undefined {
  try {
    return fromBinary(EncryptedObjectSchema, bytes).keyID || undefined;
  } catch {
    // Damaged, or of a later form: it then counts as being under no key that is known.
    return undefined;
  }
}

/** Two bytes of length, the wrapped key, the data. */
function wrappedKeyOfV1(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.length < 2 ? '' : view.toString('latin1', 2, 2 + view.readUInt16BE(0));
}
