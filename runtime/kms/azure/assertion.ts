/**
 * How an application shows a certificate to Microsoft Entra: a JWT that it signs, valid for ten minutes.
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
import { constants, createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from 'node:crypto';
import { CodedError } from '../../errors';

export interface ClientCertificate {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

export interface AssertionClaims {
  readonly clientId: string;
  /** Address of the token endpoint. */
  readonly audience: string;
  readonly nowMs: number;
}

const lifeSeconds = 600;
const certificatePattern = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const keyPattern = /-----BEGIN (?:RSA )?PRIVATE KEY-----[\s\S]+?-----END (?:RSA )?PRIVATE KEY-----/;

/** Reads certificate and key from one PEM text, in any order. @throws CodedError CONFIG_INVALID */
export function readClientCertificate(pem: string, source: string): ClientCertificate {
  try {
    const key = createPrivateKey(keyPattern.exec(pem)?.[0] ?? '');
    const certificates = (pem.match(certificatePattern) ?? []).map((one) => new X509Certificate(one));
    const certificate = certificates.find((one) => one.checkPrivateKey(key));
    if (certificate && key.asymmetricKeyType === 'rsa') return { certificate, key };
  } catch {
    // What OpenSSL says of a key may quote it.
  }
  throw new CodedError('CONFIG_INVALID', `the key CLIENT_CERT of the Secret ${source} cannot be used`, {
    remedy: 'Put the certificate and its private RSA key there as PEM text, the key without a passphrase.',
  });
}

export function clientAssertion(
  { certificate, key }: ClientCertificate,
  { clientId, audience, nowMs }: AssertionClaims,
): string {
  const now = Math.floor(nowMs / 1_000);
  const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
  const header = { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint };
  const claims = {
    aud: audience,
    iss: clientId,
    sub: clientId,
    jti: randomUUID(),
    nbf: now,
    iat: now,
    exp: now + lifeSeconds,
  };
  const content = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return `${content}.${sign('sha256', Buffer.from(content), { key, ...pss }).toString('base64url')}`;
}
