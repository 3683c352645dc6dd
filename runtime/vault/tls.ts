/** How the server's certificate is checked: with CAs held in memory, never by way of a file of ours. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { CodedError } from '../errors';

export interface TlsOptions {
  /** False accepts any certificate. Only by the configuration's own word (trap 8). */
  readonly verify: boolean;
  /** CAs as PEM text. Without them those of Node.js, which are Mozilla's. */
  readonly caPem?: string;
  /** Name to expect in the certificate and to send as SNI, when it is not the host of the address. */
  readonly serverName?: string;
  /** What this side shows to a server that asks for a certificate: certificate with its chain, and key, as PEM text. */
  readonly client?: { readonly certificatePem: string; readonly keyPem: string };
}

/** The options of node:tls for these. @throws CodedError CONFIG_INVALID when `caPem` holds no certificate or a broken one. */
export function secureOptions({ verify, caPem, serverName, client }: TlsOptions): SecureContextOptions & {
  rejectUnauthorized: boolean;
  servername?: string;
} {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: verify,
    ...(caPem !== undefined && { ca: certificates(caPem) }),
    ...(serverName !== undefined && { servername: serverName }),
    ...(client !== undefined && { cert: client.certificatePem, key: client.keyPem }),
  };
}

/** node:tls takes text without a certificate in silence and would then trust nothing, which is told as another error. */
function certificates(pem: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw invalid('it holds no certificate in PEM form');
  for (const one of found) {
    try {
      new X509Certificate(one);
    } catch (error) {
      throw invalid('one of its certificates cannot be read', error);
    }
  }
  return found;
}

/**
 * Here, because OpenSSL would tell it at the first connection, in its own words and as the network's fault.
 * @param where e.g. `the Secret client`
 * @throws CodedError CONFIG_INVALID
 */
export function requirePrivateKey(pem: string, where: string): void {
  try {
    createPrivateKey(pem);
  } catch {
    throw new CodedError('CONFIG_INVALID', `${where} holds no private key that can be read`, {
      remedy: 'Put the key of the client certificate there as PEM text, without a passphrase.',
    });
  }
}

function invalid(fault: string, cause?: unknown): CodedError {
  return new CodedError('CONFIG_INVALID', `the CA of Vault is not usable: ${fault}`, {
    remedy: 'Give the certificates of the CA as PEM text, each from BEGIN CERTIFICATE to END CERTIFICATE.',
    cause,
  });
}
