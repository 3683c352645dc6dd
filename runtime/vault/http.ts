/** How Vault is reached: the address, the trust, and what a failure on the way means. */
import { CodedError } from '../errors';
import { Origin } from '../http/origin';
import { notReached, notUnderstood, stopped, timedOut } from './errors';
import { secureOptions, type TlsOptions } from './tls';

export interface OriginOptions {
  /** `http(s)://host:port`, with a base path if there is one. */
  readonly address: string;
  readonly tls?: TlsOptions;
  /** For each request, connecting included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Sends by http1.ts, which takes less time for each request. Default false. */
  readonly lean?: boolean;
}

/**
 * Its `send` throws VaultError KMS_UNREACHABLE, KMS_TLS_UNTRUSTED, KMS_TIMEOUT, KMS_ANSWER_INVALID (too large), and
 * CodedError ABORTED when the signal fired because the caller gave up.
 * @throws CodedError CONFIG_INVALID for an address that is no http(s) URL, or an unusable CA.
 */
export function vaultOrigin({ address, tls = { verify: true }, timeoutMs }: OriginOptions): Origin {
  const isTls = parseAddress(address).protocol === 'https:';
  return new Origin(
    { address, ...(timeoutMs !== undefined && { timeoutMs }), ...(isTls && { tls: secureOptions(tls) }) },
    { notReached, notUnderstood, timedOut, stopped },
  );
}

/** @throws CodedError CONFIG_INVALID for what is no http(s) URL. */
export function parseAddress(address: string): URL {
  if (/^https?:\/\//.test(address) && URL.canParse(address)) return new URL(address);
  throw new CodedError('CONFIG_INVALID', 'the address of Vault is not a URL', {
    remedy: 'Write https://host:port as the address.',
  });
}
