/** The one place where an answer of the Kubernetes API, or a failure on the way to it, becomes a code. Bodies are never shown. */
import { type Code, CodedError } from '../errors';

/** An error of the Kubernetes API or of the way to it. */
export class KubernetesError extends CodedError {
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** How long the server asks to be left alone (Retry-After), in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(
    code: Code,
    message: string,
    context: {
      readonly remedy: string;
      readonly cause?: unknown;
      readonly status?: number;
      readonly retryAfterMs?: number | undefined;
    },
  ) {
    super(code, message, context);
    if (context.status !== undefined) this.status = context.status;
    if (context.retryAfterMs !== undefined) this.retryAfterMs = context.retryAfterMs;
  }
}

/** What a refusal came with, and what the caller would do about HTTP 403. */
interface RefusalContext {
  readonly retryAfterMs?: number | undefined;
  readonly remedyWhenForbidden?: string | undefined;
}

const tenantRemedy = 'Name the tenant in the declaration, which then emits a Role for it, and apply the manifests.';

/** @param doing e.g. `GET /api/v1/…`; holds names only. */
export function refused(status: number, doing: string, context: RefusalContext = {}): KubernetesError {
  const at = { status, retryAfterMs: context.retryAfterMs };
  if (status === 401) {
    return new KubernetesError(
      'KMS_DENIED',
      `the Kubernetes API does not know the credentials (HTTP 401 to ${doing})`,
      {
        remedy: 'See that the token or the certificate is the one for this cluster, and not expired.',
        ...at,
      },
    );
  }
  if (status === 403) {
    return new KubernetesError('KMS_DENIED', `the Kubernetes API forbids it (HTTP 403 to ${doing})`, {
      remedy: context.remedyWhenForbidden ?? tenantRemedy,
      ...at,
    });
  }
  if (status === 429) {
    return new KubernetesError('KMS_THROTTLED', `the Kubernetes API asks for fewer requests (HTTP 429 to ${doing})`, {
      remedy: 'Repeat the call later; look at the priority and fairness settings of the API server.',
      ...at,
    });
  }
  if (status >= 500 || status === 408) {
    return new KubernetesError(
      'KMS_UNREACHABLE',
      `the Kubernetes API cannot answer at present (HTTP ${status} to ${doing})`,
      {
        remedy: 'Look at the health of the API server and of etcd; the call can then be repeated.',
        ...at,
      },
    );
  }
  return new KubernetesError('CONFIG_INVALID', `the Kubernetes API refuses the request (HTTP ${status} to ${doing})`, {
    remedy: 'Check the names in the configuration, and the version of the cluster.',
    ...at,
  });
}

export function notReached(error: NodeJS.ErrnoException, doing: string): KubernetesError {
  const reason = [error.code, error.message].filter(Boolean).join(': ').slice(0, 300);
  if (/^ERR_(TLS|SSL)_|CERT|SIGNATURE|ISSUER|SELF_SIGNED|^EPROTO$/.test(error.code ?? '')) {
    return new KubernetesError(
      'KMS_TLS_UNTRUSTED',
      `the Kubernetes API's certificate is not trusted (${doing}: ${reason})`,
      {
        remedy: 'Give the CA of the cluster.',
      },
    );
  }
  return new KubernetesError('KMS_UNREACHABLE', `the Kubernetes API cannot be reached (${doing}: ${reason})`, {
    remedy: 'Check the address and the network; the call can then be repeated.',
  });
}

export function timedOut(doing: string, timeoutMs: number): KubernetesError {
  return new KubernetesError('KMS_TIMEOUT', `the Kubernetes API did not answer within ${timeoutMs} ms (${doing})`, {
    remedy: 'Repeat the call; if it happens again look at the load of the API server.',
  });
}

/** The answer is not what the API gives: of a proxy in between, or too large. */
export function notUnderstood(doing: string, fault: string): KubernetesError {
  return new KubernetesError('KMS_ANSWER_INVALID', `the answer of the Kubernetes API ${fault} (${doing})`, {
    remedy: 'Check that the address is the one of the API server, and what stands in between.',
  });
}
