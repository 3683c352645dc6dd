/** OpenBao of the cluster in a box, as its root. */
import { type JsonResponse, requestJson } from './http-json';
import type { OpenBao, OpenBaoRequestOptions } from './openbao';

export interface OpenBaoAccess {
  /** For programs of this machine. */
  readonly address: string;
  /** For pods, which may use its names instead. */
  readonly addressInside: string;
  readonly caPem: string;
  readonly rootToken: string;
}

export class BoxedOpenBao
  implements Pick<OpenBao, 'address' | 'caPem' | 'rootToken' | 'request' | 'expectOk'>, OpenBaoAccess
{
  readonly address: string;
  readonly addressInside: string;
  readonly caPem: string;
  readonly rootToken: string;

  constructor({ address, addressInside, caPem, rootToken }: OpenBaoAccess) {
    this.address = address;
    this.addressInside = addressInside;
    this.caPem = caPem;
    this.rootToken = rootToken;
  }

  /** Sends one API request; `path` is without `/v1/`. Any status is an answer. */
  request(method: string, path: string, body?: unknown, options: OpenBaoRequestOptions = {}): Promise<JsonResponse> {
    const { token = this.rootToken, namespace } = options;
    const headers = {
      'x-vault-request': 'true',
      ...(token !== null && { 'x-vault-token': token }),
      ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
      ...options.headers,
    };
    return requestJson({ url: `${this.address}/v1/${path}`, method, headers, body, caPem: this.caPem });
  }

  /** As `request`, but a status of 400 or more is an error that shows the answer. */
  async expectOk(
    method: string,
    path: string,
    body?: unknown,
    options: OpenBaoRequestOptions = {},
  ): Promise<JsonResponse> {
    const response = await this.request(method, path, body, options);
    if (response.status < 400) return response;
    throw new Error(`OpenBao: ${method} ${path} answered ${response.status}: ${JSON.stringify(response.body)}`);
  }
}
