/**
 * The one place where an answer of Vault or a failure of the network becomes a code. Of an answer only the texts of its
 * `errors` member are taken, bounded; what was sent is removed from them should the server repeat it.
 */
import { type Code, CodedError, type ErrorContext } from '../errors';

/** An error of Vault or of the way to it. */
export class VaultError extends CodedError {
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** How long the server asks to be left alone (Retry-After), in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(
    code: Code,
    message: string,
    context: ErrorContext & { readonly status?: number; readonly retryAfterMs?: number },
  ) {
    super(code, message, context);
    if (context.status !== undefined) this.status = context.status;
    if (context.retryAfterMs !== undefined) this.retryAfterMs = context.retryAfterMs;
  }
}

/** What an answer that is no success says: its status, and the texts that are safe to show. */
export interface Refusal {
  readonly status: number;
  /** From the `errors` and `warnings` members of the body. */
  readonly texts: readonly string[];
  readonly retryAfterMs?: number;
}

/**
 * Turns a refusal into an error.
 * @param doing what was asked, e.g. `GET kv/data/pvc-1 at https://vault:8200`; shown, so it must not hold a secret
 */
export function refused({ status, texts, retryAfterMs }: Refusal, doing: string): VaultError {
  const { code, what, remedy } = meaning(status, texts.join(' '));
  const said = texts.length === 0 ? '' : `: ${texts.join('; ').slice(0, 300)}`;
  return new VaultError(code, `${what} (HTTP ${status} to ${doing}${said})`, {
    remedy,
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

interface Meaning {
  readonly code: Code;
  readonly what: string;
  readonly remedy: string;
}

/** The text decides only where Vault gives one status to different troubles. */
function meaning(status: number, text: string): Meaning {
  if (status === 401 || status === 403) return denied;
  if (status === 404 || status === 405) return misplaced;
  if (status === 429) return throttled;
  if (status === 503 && /sealed/i.test(text)) return sealed;
  if ((status >= 300 && status < 400) || status === 472 || status === 473) return standby;
  return isPassing(status, text) ? unwell : malformed;
}

/** 412: a replica that lags behind. 400: a KV mount that is just being made a versioned one. */
function isPassing(status: number, text: string): boolean {
  return status >= 500 || status === 408 || status === 412 || /upgrading from non-versioned/i.test(text);
}

const sealed: Meaning = {
  code: 'KMS_SEALED',
  what: 'Vault is sealed',
  remedy: 'Unseal it; the call can then be repeated.',
};

const throttled: Meaning = {
  code: 'KMS_THROTTLED',
  what: 'Vault asks for fewer requests',
  remedy: 'Raise the rate-limit quota of the mount or spread the calls over more time.',
};

const unwell: Meaning = {
  code: 'KMS_UNREACHABLE',
  what: 'Vault cannot answer at present',
  remedy: 'Look at its status and at what stands between it and this node; the call can then be repeated.',
};

const misplaced: Meaning = {
  code: 'CONFIG_INVALID',
  what: 'Vault has no engine of this kind at this path',
  remedy: 'Correct mount path, namespace and KV version in the configuration, or enable the engine there.',
};

const denied: Meaning = {
  code: 'KMS_DENIED',
  what: 'Vault denies the call',
  remedy: 'Check that the token is alive and that a policy of its role allows this path.',
};

const malformed: Meaning = {
  code: 'KMS_DENIED',
  what: 'Vault refuses the request',
  remedy: 'Check role, mount and path in the configuration against what Vault says.',
};

const standby: Meaning = {
  code: 'KMS_UNREACHABLE',
  what: 'this node of Vault is a standby that does not forward calls',
  remedy: 'Use the address of the active node or of a load balancer that finds it.',
};

/** A failure below HTTP: name, connection, TLS. The caught error is not kept: a parse error carries the raw bytes. */
export function notReached(error: NodeJS.ErrnoException, doing: string): VaultError {
  const reason = [error.code, error.message].filter(Boolean).join(': ').slice(0, 300);
  if (isTlsFault(error.code ?? '')) {
    return new VaultError('KMS_TLS_UNTRUSTED', `the server's certificate is not trusted (${doing}: ${reason})`, {
      remedy: 'Give the CA that signed it, and the server name that it carries, in the configuration.',
    });
  }
  return new VaultError('KMS_UNREACHABLE', `Vault cannot be reached (${doing}: ${reason})`, {
    remedy: 'Check the address, the network and whether Vault runs; the call can then be repeated.',
  });
}

/** OpenSSL's verification results and handshake failures. EPROTO: the other side does not speak TLS as we do. */
function isTlsFault(code: string): boolean {
  return code === 'EPROTO' || /^ERR_(TLS|SSL)_|CERT|SIGNATURE|_CRL|ISSUER|SELF_SIGNED/.test(code);
}

export function timedOut(doing: string, timeoutMs?: number): VaultError {
  const limit = timeoutMs === undefined ? 'in time' : `within ${timeoutMs} ms`;
  return new VaultError('KMS_TIMEOUT', `Vault did not answer ${limit} (${doing})`, {
    remedy: 'Repeat the call; if it happens again look at the load of Vault and at the network.',
  });
}

export function notUnderstood(doing: string, fault: string, status?: number): VaultError {
  return new VaultError('KMS_ANSWER_INVALID', `the answer ${fault} (${doing})`, {
    remedy: 'Check that the address is the one of a Vault or OpenBao, and what stands between it and this node.',
    ...(status !== undefined && { status }),
  });
}

/** For a fired signal. A caller's own deadline is a time-out as well; only a call that was given up is ABORTED. */
export function stopped(signal: AbortSignal | undefined, doing: string): CodedError {
  const reason: unknown = signal?.reason;
  const isTimeout = typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError';
  if (isTimeout) return timedOut(doing);
  return new CodedError('ABORTED', `the call was cancelled (${doing})`, { remedy: 'Repeat the call.' });
}
