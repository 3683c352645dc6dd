/** What a KMIP server says when it refuses, and what goes wrong on the way to it, as coded errors. */
import type { Code } from '../../errors';
import { failuresOf, isTlsFault, ServiceError } from '../../http/service-error';
import type { Failure } from './messages';

const service = 'the KMIP server';
const { notUnderstood, stopped, notReached } = failuresOf(service);

export { notUnderstood, stopped };

/** The server's word that it did not do something. */
export class KmipRefusal extends ServiceError {
  readonly reason: number;

  constructor(code: Code, message: string, remedy: string, reason: number) {
    super(code, message, { remedy });
    this.reason = reason;
  }
}

/** What a server says that does not want to say why. PyKMIP says so of a ciphertext that it cannot decrypt. */
export const generalFailure = 256;

/** Result reasons of KMIP 1.4, section 9.1.3.2.29, that tell something to an operator. */
const reasons: Readonly<Record<number, readonly [name: string, code: Code]>> = {
  1: ['item not found', 'KMS_KEY_NOT_FOUND'],
  3: ['authentication not successful', 'KMS_DENIED'],
  5: ['operation not supported', 'CONFIG_INVALID'],
  8: ['feature not supported', 'CONFIG_INVALID'],
  11: ['illegal operation', 'KMS_DENIED'],
  12: ['permission denied', 'KMS_DENIED'],
  13: ['object archived', 'KMS_DENIED'],
  22: ['sensitive', 'KMS_DENIED'],
  23: ['not extractable', 'KMS_DENIED'],
  26: ['usage limit exceeded', 'KMS_DENIED'],
  [generalFailure]: ['general failure', 'KMS_UNREACHABLE'],
};

const remedies: Partial<Record<Code, string>> = {
  KMS_KEY_NOT_FOUND:
    'Correct UNIQUE_IDENTIFIER in the Secret; if the key was destroyed, restore it from a backup of the server.',
  KMS_DENIED:
    'Check that the key is active, that its usage mask allows this, and that the client certificate is of its owner.',
  CONFIG_INVALID:
    'Set USE_CRYPTO_RPC to "false" if the server has no Encrypt and Decrypt, and "true" if it gives no keys away.',
  KMS_CIPHERTEXT_INVALID:
    'The wrapped key is damaged, or another key wrapped it: check UNIQUE_IDENTIFIER, else restore the metadata of the volume.',
  KMS_UNREACHABLE: 'Look at the log of the server; the call can then be repeated.',
};

/**
 * @param isUnwrap then a failure of the operation itself is the wrapped key's: PKCS5 padding that does not fit
 * @param isShowable whether the server's text is free of what it was sent
 */
export function refusedByServer(
  failure: Failure,
  doing: string,
  isUnwrap: boolean,
  isShowable: (text: string) => boolean,
) {
  const [name, known] = reasons[failure.reason] ?? [`result reason ${failure.reason}`, undefined];
  const code = known ?? (isUnwrap ? 'KMS_CIPHERTEXT_INVALID' : 'KMS_DENIED');
  const said = failure.message
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200);
  const shown = said !== '' && isShowable(said) ? `: ${said}` : '';
  const remedy = remedies[code] ?? 'See what the server says.';
  return new KmipRefusal(code, `${service} refuses (${name} to ${doing}${shown})`, remedy, failure.reason);
}

/** A failure of the connection. An alert is the server's word about us; it may come after the handshake (TLS 1.3). */
export function connectionFailed(error: NodeJS.ErrnoException, doing: string): Error {
  const code = error.code ?? '';
  if (/ALERT/.test(code)) {
    const reason = `${doing}: ${code}`.slice(0, 300);
    return new ServiceError('KMS_DENIED', `${service} does not accept the client certificate (${reason})`, {
      remedy:
        'Check CLIENT_CERT and CLIENT_KEY: issued by the CA of the server, not expired, for client authentication.',
    });
  }
  if (isTlsFault(code)) {
    const reason = [code, error.message].join(': ').slice(0, 300);
    return new ServiceError('KMS_TLS_UNTRUSTED', `the certificate of ${service} is not trusted (${doing}: ${reason})`, {
      remedy: 'Put the CA that signed it into CA_CERT, and the name that it carries into TLS_SERVER_NAME.',
    });
  }
  return notReached(error, doing);
}

/** The server ended the connection in the middle: some do so with a client that they do not know. */
export function hungUp(doing: string): Error {
  return new ServiceError('KMS_UNREACHABLE', `${service} ended the connection without an answer (${doing})`, {
    remedy: 'Look at the log of the server; it may not accept the client certificate or this version of TLS.',
  });
}
