/** OpenBao in the box: initialised and unsealed; root token and unseal key stay in the memory of the box. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificate } from '../../test/harness/certificates';
import { type JsonResponse, requestJson } from '../../test/harness/http-json';
import { requireTool } from '../ensure';
import { hostAddress, openBaoPort } from './addresses';
import { BoxProcess } from './box-process';

/** How the box itself and pods reach OpenBao; they may use its names as well. */
export const openBaoUrl = `https://${hostAddress}:${openBaoPort}`;

export interface OpenBaoFiles {
  readonly folder: string;
  readonly logFile: string;
  /** Every request and answer, with all that is secret hashed. */
  readonly auditFile: string;
  readonly serving: Certificate;
  readonly caPem: string;
}

export class BoxOpenBao {
  readonly process: BoxProcess;
  readonly #files: OpenBaoFiles;
  #unsealKey = '';
  #rootToken = '';

  constructor(files: OpenBaoFiles) {
    this.#files = files;
    this.process = new BoxProcess('openbao', files.folder, files.logFile);
  }

  get rootToken(): string {
    return this.#rootToken;
  }

  /** First start. @throws Error with the end of the log, or the answer of the server */
  async start(): Promise<void> {
    const { folder, serving, auditFile } = this.#files;
    const storage = join(folder, 'data');
    mkdirSync(storage, { recursive: true, mode: 0o700 });
    const config = join(folder, 'config.json');
    const { certificateFile: tls_cert_file, keyFile: tls_key_file } = serving;
    const listener = { tcp: { address: `${hostAddress}:${openBaoPort}`, tls_cert_file, tls_key_file } };
    // OpenBao takes audit devices from its configuration only, not through its API.
    const audit = [{ type: 'file', path: 'to-file', options: { file_path: auditFile } }];
    const settings = { listener, api_addr: openBaoUrl, storage: { file: { path: storage } }, audit };
    writeFileSync(config, JSON.stringify(settings));
    // Sealed and not initialised are answers too: the server listens.
    const isHealthy = async () => (await this.#request('GET', 'sys/health')).status > 0;
    await this.process.start({ command: requireTool('openbao'), args: ['server', `-config=${config}`], isHealthy });
    const { status, body } = await this.#request('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    if (status !== 200) throw new Error(`OpenBao: sys/init answered ${status}`);
    this.#unsealKey = body.keys_base64[0];
    this.#rootToken = body.root_token;
    await this.#unseal();
  }

  /** Starts the ended server and unseals it. */
  async startAgain(): Promise<void> {
    await this.process.startAgain();
    await this.#unseal();
  }

  async #unseal(): Promise<void> {
    const { status } = await this.#request('PUT', 'sys/unseal', { key: this.#unsealKey });
    if (status !== 200) throw new Error(`OpenBao: sys/unseal answered ${status}`);
    while ((await this.#request('GET', 'sys/health')).status !== 200) await sleep(50);
  }

  #request(method: string, path: string, body?: unknown): Promise<JsonResponse> {
    const url = `${openBaoUrl}/v1/${path}`;
    return requestJson({ url, method, body, caPem: this.#files.caPem, timeoutMs: 10_000 });
  }
}
