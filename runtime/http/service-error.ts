/**
 * What goes wrong between us and a service behind HTTP, as coded errors. Of an answer only the service's own error code
 * is shown, never its free text: a service or a proxy may repeat what it was sent, and that holds keys and credentials.
 */
import { type Code, CodedError, type ErrorContext } from '../errors';
import type { HttpFailures } from './origin';

/** An error of a service or of the way to it. */
export class ServiceError extends CodedError {
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** How long the server asks to be left alone (Retry-After), in milliseconds. */
  readonly retryAfterMs?: number;
  /** The service's own code of the error. */
  readonly errorCode?: string;

  constructor(code: Code, message: string, context: ErrorContext & Partial<Refusal>) {
    super(code, message, context);
    if (context.errorCode !== undefined) this.errorCode = context.errorCode;
    if (context.status !== undefined) this.status = context.status;
    if (context.retryAfterMs !== undefined) this.retryAfterMs = context.retryAfterMs;
  }
}

/** What a refusal means and what can be done about it. */
export interface Meaning {
  readonly code: Code;
  /** Follows the name of the service: `does not know the key`. */
  readonly what: string;
  readonly remedy: string;
}

/** An answer that is no success. */
export interface Refusal {
  readonly status: number;
  /** The service's own code of the error, if it has the form of one. */
  readonly errorCode?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * @param doing what was asked, e.g. `GET secrets/pvc-1 at https://x`; shown, so it must not hold a secret
 * @param meaning what this service means by its error code; without it the status tells
 */
export function refused(service: string, refusal: Refusal, doing: string, meaning?: Meaning): ServiceError {
  const { status, errorCode, retryAfterMs } = refusal;
  const { code, what, remedy } = meaning ?? meaningOf(status);
  const shown = errorCode !== undefined && /^[-\w.:#]{1,80}$/.test(errorCode) ? `, ${errorCode}` : '';
  return new ServiceError(code, `${service} ${what} (HTTP ${status}${shown} to ${doing})`, {
    remedy,
    status,
    errorCode,
    retryAfterMs,
  });
}

function meaningOf(status: number): Meaning {
  if (status === 401 || status === 403) return denied;
  if (status === 404 || status === 405) return misplaced;
  if (status === 429) return throttled;
  if (status === 408 || status >= 500) return unwell;
  return malformed;
}

const denied: Meaning = {
  code: 'KMS_DENIED',
  what: 'denies the call',
  remedy: 'Check that the credentials are alive, and what they are allowed to do.',
};

const misplaced: Meaning = {
  code: 'CONFIG_INVALID',
  what: 'has nothing of this kind at this address',
  remedy: 'Correct the addresses and names in the configuration.',
};

const throttled: Meaning = {
  code: 'KMS_THROTTLED',
  what: 'asks for fewer requests',
  remedy: 'Raise the quota at the service, or spread the calls over more time.',
};

const unwell: Meaning = {
  code: 'KMS_UNREACHABLE',
  what: 'cannot answer at present',
  remedy: 'Look at its status and at what stands between it and this node; the call can then be repeated.',
};

const malformed: Meaning = {
  code: 'KMS_DENIED',
  what: 'refuses the request',
  remedy: 'Check the configuration against what the service says.',
};

/** The failures below the answer, told in the name of one service. */
export function failuresOf(service: string): HttpFailures {
  const timedOut = (doing: string, timeoutMs?: number) => {
    const limit = timeoutMs === undefined ? 'in time' : `within ${timeoutMs} ms`;
    return new ServiceError('KMS_TIMEOUT', `${service} did not answer ${limit} (${doing})`, {
      remedy: 'Repeat the call; if it happens again look at the load of the service and at the network.',
    });
  };
  return {
    timedOut,

    /** The caught error is not kept: an error of the HTTP parser carries the raw bytes. */
    notReached(error, doing) {
      const reason = [error.code, error.message].filter(Boolean).join(': ').slice(0, 300);
      if (isTlsFault(error.code ?? '')) {
        return new ServiceError(
          'KMS_TLS_UNTRUSTED',
          `the certificate of ${service} is not trusted (${doing}: ${reason})`,
          {
            remedy: 'Check the address, and that the CA which signed the certificate is known to this node.',
          },
        );
      }
      return new ServiceError('KMS_UNREACHABLE', `${service} cannot be reached (${doing}: ${reason})`, {
        remedy: 'Check the address, the network and whether the service runs; the call can then be repeated.',
      });
    },

    notUnderstood(doing, fault) {
      return new ServiceError('KMS_ANSWER_INVALID', `the answer ${fault} (${doing})`, {
        remedy: `Check that the address is the one of ${service}, and what stands between it and this node.`,
      });
    },

    /** A caller's own deadline is a time-out as well; only a call that was given up is ABORTED. */
    stopped(signal, doing) {
      const reason: unknown = signal?.reason;
      const isTimeout =
        typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError';
      if (isTimeout) return timedOut(doing);
      return new CodedError('ABORTED', `the call was cancelled (${doing})`, { remedy: 'Repeat the call.' });
    },
  };
}

/** OpenSSL's verification results and handshake failures. EPROTO: the other side does not speak TLS as we do. */
export function isTlsFault(code: string): boolean {
  return code === 'EPROTO' || /^ERR_(TLS|SSL)_|CERT|SIGNATURE|_CRL|ISSUER|SELF_SIGNED/.test(code);
}
