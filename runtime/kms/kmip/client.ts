/**
 * A KMIP 1.4 server as ceph-csi uses it: a fresh connection for each operation, version discovery first. The client
 * certificate lives in memory only.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import type { Credentials } from '../credentials';
import { type KmipAddress, KmipConnection } from './connection';
import { notUnderstood, refusedByServer } from './errors';
import {
  dataOf,
  decrypt,
  discoverVersions,
  encrypt,
  get,
  keyOf,
  type Request,
  readResponse,
  requireVersion14,
} from './messages';
import { type Ttlv, TtlvError } from './ttlv';

/** All three throw ServiceErrors and CodedErrors CONFIG_INVALID, ABORTED. */
export class KmipClient {
  readonly #address: KmipAddress;
  readonly #uniqueIdentifier: string;
  readonly #context: SecureContext;

  /** @throws CodedError CONFIG_INVALID for certificates or a key that cannot be used, SECRET_MISSING. */
  constructor(address: KmipAddress, credentials: Credentials) {
    this.#address = address;
    this.#uniqueIdentifier = credentials.word('UNIQUE_IDENTIFIER');
    this.#context = secureContext(credentials);
  }

  encrypt(plaintext: Buffer, nonce: Buffer, signal: AbortSignal): Promise<Buffer> {
    const read = (payload: readonly Ttlv[]) => Buffer.from(dataOf(payload));
    return this.#perform(encrypt(this.#uniqueIdentifier, plaintext, nonce), read, signal, plaintext);
  }

  decrypt(ciphertext: Buffer, nonce: Buffer, signal: AbortSignal): Promise<Secret> {
    const read = (payload: readonly Ttlv[]) => Secret.take(Buffer.from(dataOf(payload)));
    return this.#perform(decrypt(this.#uniqueIdentifier, ciphertext, nonce), read, signal);
  }

  /** The raw key. */
  get(signal: AbortSignal): Promise<Secret> {
    return this.#perform(get(this.#uniqueIdentifier), (payload) => Secret.take(Buffer.from(keyOf(payload))), signal);
  }

  async #perform<T>(
    request: Request,
    read: (payload: readonly Ttlv[]) => T,
    signal: AbortSignal,
    sent: Buffer = Buffer.alloc(0),
  ): Promise<T> {
    try {
      using connection = await KmipConnection.open(this.#address, this.#context, signal);
      await this.#ask(connection, discoverVersions(), requireVersion14, sent);
      return await this.#ask(connection, request, read, sent);
    } finally {
      request.bytes.fill(0);
    }
  }

  async #ask<T>(
    connection: KmipConnection,
    request: Request,
    read: (payload: readonly Ttlv[]) => T,
    sent: Buffer,
  ): Promise<T> {
    const doing = `${request.operation} at ${this.#address.host}:${this.#address.port}`;
    const answer = await connection.exchange(request.bytes);
    try {
      const response = readResponse(answer, request);
      if (response.ok) return read(response.payload);
      throw refusedByServer(response.failure, doing, request.operation === 'decrypt', (text) => isFreeOf(text, sent));
    } catch (error) {
      throw error instanceof TtlvError ? notUnderstood(doing, `is not usable: ${error.message}`) : error;
    } finally {
      answer.fill(0);
    }
  }
}

/** @throws CodedError CONFIG_INVALID */
function secureContext(credentials: Credentials): SecureContext {
  const [ca, cert, key] = (['CA_CERT', 'CLIENT_CERT', 'CLIENT_KEY'] as const).map((name) => credentials.text(name));
  if (!/-----BEGIN CERTIFICATE-----/.test(ca ?? '')) throw unusable(credentials, 'CA_CERT holds no certificate');
  try {
    return createSecureContext({ minVersion: 'TLSv1.2', ca, cert, key });
  } catch (error) {
    // OpenSSL's own code says which part; its message could quote the material.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown format';
    throw unusable(credentials, `certificate and key are not usable (${code.slice(0, 80)})`);
  }
}

function unusable({ source }: Credentials, fault: string): CodedError {
  return new CodedError('CONFIG_INVALID', `the Secret ${source} cannot be used: ${fault}`, {
    remedy:
      'Put PEM text into CA_CERT, CLIENT_CERT and CLIENT_KEY; the key must belong to the certificate and be unencrypted.',
  });
}

/** A server that repeats what it was sent must not bring the key into our errors, in whatever usual spelling. */
function isFreeOf(text: string, sent: Buffer): boolean {
  if (sent.length === 0) return true;
  const spellings = [sent.toString('latin1'), sent.toString('hex'), sent.toString('base64').replace(/=+$/, '')];
  return spellings.every((spelling) => !text.toLowerCase().includes(spelling.toLowerCase()));
}
