/**
 * TLS certificate. The certificate is shown at the login only, on a connection of its own, so that a certificate that was
 * replaced in its file counts at the next login.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { CodedError } from '../../errors';
import { joinPath, VaultConnection } from '../connection';
import type { OriginOptions } from '../http';
import type { VaultAuth } from './auth';
import { type Credential, withText } from './credential';
import { login } from './login';

export interface CertAuthOptions {
  readonly mountPath: string;
  readonly namespace: string;
  /** Name of the role; without it Vault tries all that trust the certificate. */
  readonly role?: string;
  /** PEM text of the certificate with its chain. */
  readonly certificate: Credential;
  /** PEM text of the key. */
  readonly key: Credential;
  /** The server; its TLS options without the client's certificate. */
  readonly origin: OriginOptions;
}

export function certAuth({ mountPath, namespace, role, certificate, key, origin }: CertAuthOptions): VaultAuth {
  return {
    namespace,
    login: (_connection, signal) =>
      withText(certificate, (certificatePem) =>
        withText(key, async (keyPem) => {
          checkPair(certificatePem, keyPem);
          const tls = { ...(origin.tls ?? { verify: true }), client: { certificatePem, keyPem } };
          const connection = new VaultConnection({ ...origin, tls });
          try {
            const grant = await login(
              connection,
              {
                path: joinPath('auth', mountPath, 'login'),
                namespace,
                body: role === undefined ? {} : { name: role },
                showable: ['name'],
                who: role === undefined ? `certificate at auth/${mountPath}` : `role ${role} at auth/${mountPath}`,
                remedy:
                  'Check mount, namespace and role, that the role trusts the CA of the certificate, and that nothing between here and Vault ends TLS.',
              },
              signal,
            );
            // By default Vault renews such a token only for the same certificate, so a new login is the surer way.
            return { ...grant, renewable: false };
          } finally {
            connection.close();
          }
        }),
      ),
  };
}

/** @throws CodedError CONFIG_INVALID when the two are unreadable or do not belong together. */
export function checkPair(certificatePem: string, keyPem: string): void {
  let belongs = false;
  try {
    belongs = new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    // The error of OpenSSL is not kept: it is about bytes of a key.
    throw unusable('the certificate or its key cannot be read');
  }
  if (!belongs) throw unusable('the key does not belong to the certificate');
}

function unusable(fault: string): CodedError {
  return new CodedError('CONFIG_INVALID', `the client certificate for Vault is not usable: ${fault}`, {
    remedy: 'Give certificate and key as PEM text without a passphrase; the certificate first, then its chain.',
  });
}
