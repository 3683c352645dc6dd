/** One HTTP request with a JSON body and a JSON answer; trusts exactly the given CA. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface ClientCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface JsonRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly caPem?: string;
  /** Shown to a server that asks for a certificate. */
  readonly client?: ClientCertificate;
  /** @default 30000 */
  readonly timeoutMs?: number;
}

export interface JsonResponse {
  readonly status: number;
  /** Parsed body; `undefined` when there was none, the text itself when it is no JSON. Tests look into it freely. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of a foreign server, read by assertions only
  readonly body: any;
}

/** Any HTTP status is an answer; only a failed connection or the time limit rejects. */
export function requestJson(options: JsonRequest): Promise<JsonResponse> {
  const { url, method = 'GET', body, caPem, client, timeoutMs = 30_000 } = options;
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers };
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method,
      headers,
      // No pooled connection: it would outlive a restart of the server and keep the test process alive.
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(caPem === undefined ? {} : { ca: caPem }),
      ...(client && { cert: client.certificatePem, key: client.keyPem }),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()) }),
      );
    });
    request.end(payload);
  });
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
