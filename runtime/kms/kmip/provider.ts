/**
 * KMS type `kmip`: a key in a KMIP server wraps each key. The stored text is ceph-csi's, which says neither how it was
 * wrapped nor for which volume: the length of the nonce is the only hint, and a copied text unwraps for another volume.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type KmipKmsSettings, kmipCredentialKeys } from '../../../lib/schema/kms';
import { deadline } from '../../async/deadline';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import type { SecretReader } from '../../secret-reader';
import { driverNamespace, readCredentials } from '../credentials';
import type { CallContext, WrapsKeys } from '../provider';
import { formatSealed, parseSealed, type Sealed } from '../sealed-text';
import { KmipClient } from './client';
import { generalFailure, KmipRefusal } from './errors';

const cbcNonceBytes = 16;
const gcmNonceBytes = 12;
const tagBytes = 16;
/** Holds also where the configuration sets no limit. */
const longestSeconds = 30;

export function kmipProvider(
  settings: KmipKmsSettings,
  deps: { readonly secrets: SecretReader; readonly podNamespace?: string | undefined },
): WrapsKeys {
  const timeoutMs = exchangeTimeoutMs(settings);
  const withClient = async <T>(
    { signal }: CallContext,
    use: (client: KmipClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const where = { namespace: driverNamespace(deps), name: settings.secretName };
    using credentials = await readCredentials(deps.secrets, where, { required: kmipCredentialKeys });
    return use(new KmipClient(addressOf(settings), credentials), deadline(timeoutMs, signal));
  };

  return {
    family: 'wraps',

    async wrap(_ref, dek, ctx) {
      requireText(dek);
      return withClient(ctx, async (client, signal) =>
        formatSealed(
          settings.useCryptoRpc ? await encryptThere(client, dek, signal) : await sealHere(client, dek, signal),
        ),
      );
    },

    async unwrap(_ref, wrapped, ctx) {
      const sealed = parseSealed(wrapped);
      if (!sealed) throw notWrappedHere('it is not in the form of the kmip KMS');
      const [nonceBytes, other] = settings.useCryptoRpc ? [cbcNonceBytes, 'false'] : [gcmNonceBytes, 'true'];
      if (sealed.nonce.length !== nonceBytes) throw notWrappedHere(`its nonce is one of USE_CRYPTO_RPC "${other}"`);
      return withClient(ctx, (client, signal) =>
        settings.useCryptoRpc ? decryptThere(client, sealed, signal) : openHere(client, sealed, signal),
      );
    },

    async close() {},
  };
}

async function encryptThere(client: KmipClient, dek: Secret, signal: AbortSignal): Promise<Sealed> {
  const nonce = randomBytes(cbcNonceBytes);
  const plaintext = dek.use((bytes) => Buffer.from(bytes));
  try {
    return { dek: await client.encrypt(plaintext, nonce, signal), nonce };
  } finally {
    plaintext.fill(0);
  }
}

/** CBC has no integrity: a changed ciphertext decrypts to something. Keys are ASCII text, garbage hardly ever is. */
async function decryptThere(client: KmipClient, sealed: Sealed, signal: AbortSignal): Promise<Secret> {
  if (sealed.dek.length === 0 || sealed.dek.length % 16 !== 0) throw notWrappedHere('it is not made of whole blocks');
  const dek = await client.decrypt(sealed.dek, sealed.nonce, signal).catch(async (error: unknown) => {
    if (!(error instanceof KmipRefusal && error.reason === generalFailure)) throw error;
    // The server does not say whether it or the ciphertext is at fault. While it can encrypt, it is the ciphertext.
    await client.encrypt(Buffer.alloc(1), randomBytes(cbcNonceBytes), signal);
    throw notWrappedHere('the server cannot decrypt it');
  });
  if (isText(dek)) return dek;
  dek.zero();
  throw notWrappedHere('what is unwrapped is no key');
}

async function sealHere(client: KmipClient, dek: Secret, signal: AbortSignal): Promise<Sealed> {
  using key = await client.get(signal);
  const nonce = randomBytes(gcmNonceBytes);
  const sealer = key.use((bytes) => createCipheriv(gcmOf(key), bytes, nonce, { authTagLength: tagBytes }));
  return { dek: dek.use((bytes) => Buffer.concat([sealer.update(bytes), sealer.final(), sealer.getAuthTag()])), nonce };
}

async function openHere(client: KmipClient, { dek, nonce }: Sealed, signal: AbortSignal): Promise<Secret> {
  if (dek.length <= tagBytes) throw notWrappedHere('it is too short');
  using key = await client.get(signal);
  const opener = key.use((bytes) => createDecipheriv(gcmOf(key), bytes, nonce, { authTagLength: tagBytes }));
  opener.setAuthTag(dek.subarray(-tagBytes));
  const plain = Secret.take(opener.update(dek.subarray(0, -tagBytes)));
  try {
    opener.final();
    return plain;
  } catch {
    plain.zero();
    throw notWrappedHere('another key wrapped it, or it is damaged');
  }
}

function gcmOf({ lengthBytes }: Secret): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (lengthBytes === 16 || lengthBytes === 24 || lengthBytes === 32)
    return `aes-${(lengthBytes * 8) as 128 | 192 | 256}-gcm`;
  throw new CodedError('CONFIG_INVALID', `the key in the KMIP server has ${lengthBytes} bytes, which is no AES key`, {
    remedy: 'Name an AES key of 128, 192 or 256 bits in UNIQUE_IDENTIFIER.',
  });
}

/** ceph-csi sets both once after dialling, so the shorter one limits the whole exchange. Here dialling counts as well. */
function exchangeTimeoutMs({ readTimeoutSeconds, writeTimeoutSeconds }: KmipKmsSettings): number {
  const limits = [readTimeoutSeconds, writeTimeoutSeconds, longestSeconds].filter((seconds) => seconds > 0);
  return Math.min(...limits) * 1_000;
}

function addressOf({ endpoint, serverName }: KmipKmsSettings) {
  const colon = endpoint.lastIndexOf(':');
  return {
    host: endpoint.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(endpoint.slice(colon + 1)),
    serverName,
  };
}

function isText(dek: Secret): boolean {
  return dek.use((bytes) => bytes.every((byte) => byte >= 0x20 && byte < 0x7f));
}

function requireText(dek: Secret): void {
  if (isText(dek)) return;
  throw new CodedError('REQUEST_INVALID', 'the key is not ASCII text, by which this KMS tells keys from garbage', {
    remedy: 'Use a key that is text, as those that keyward and ceph-csi make are.',
  });
}

function notWrappedHere(fault: string): CodedError {
  return new CodedError('KMS_CIPHERTEXT_INVALID', `the wrapped key cannot be unwrapped: ${fault}`, {
    remedy:
      'Check that the volume names the KMS that wrapped its key, and UNIQUE_IDENTIFIER; else restore its metadata.',
  });
}
