/** Requests to the API server of a box. */
import { type JsonResponse, requestJson } from '../../test/harness/http-json';

export interface ApiRequestOptions {
  /** @default the client's */
  readonly token?: string;
  /** @default application/json */
  readonly contentType?: string;
}

/** Where an API server is, and who asks. */
export interface ApiAccess {
  readonly url: string;
  readonly caPem: string;
  readonly token: string;
}

export class ApiClient {
  constructor(readonly access: ApiAccess) {}

  /** Sends one request; `path` begins with `/api` or `/apis`. Any status is an answer. */
  request(method: string, path: string, body?: unknown, options: ApiRequestOptions = {}): Promise<JsonResponse> {
    const { url, caPem, token } = this.access;
    const headers = {
      authorization: `Bearer ${options.token ?? token}`,
      'content-type': options.contentType ?? 'application/json',
    };
    return requestJson({ url: `${url}${path}`, method, headers, body, caPem });
  }

  /** As `request`, but a status of 400 or more is an error that shows the answer. */
  async expectOk(method: string, path: string, body?: unknown, options: ApiRequestOptions = {}): Promise<JsonResponse> {
    const response = await this.request(method, path, body, options);
    if (response.status < 400) return response;
    throw new Error(`Kubernetes: ${method} ${path} answered ${response.status}: ${JSON.stringify(response.body)}`);
  }
}
