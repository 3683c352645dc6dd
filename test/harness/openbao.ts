/** A real OpenBao server on 127.0.0.1, initialised and unsealed; root token and unseal key stay in this process's memory. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTool } from '../../tools/ensure';
import { createCertificateAuthority } from './certificates';
import { type ClientCertificate, type JsonResponse, requestJson } from './http-json';
import { freePort } from './ports';
import { type ServerCommand, ServerProcess } from './server-process';

export interface OpenBaoOptions {
  /** @default false */
  readonly tls?: boolean;
  /** With TLS: who shows no certificate of the CA in this file is refused. The harness itself shows `own`. */
  readonly clients?: { readonly caFile: string; readonly own: ClientCertificate };
  /** Every request and answer is logged to this file, as a file audit device. */
  readonly auditFile?: string;
  /** `file` keeps the data over `restart`. @default 'inmem' */
  readonly storage?: 'inmem' | 'file';
}

export interface OpenBaoRequestOptions {
  readonly namespace?: string;
  /** `null` sends none. @default the root token */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws ToolError TOOL_NOT_PREPARED when OpenBao was not built; Error with the log's end when it does not start */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<OpenBao> {
  const process = new ServerProcess('openbao');
  try {
    const port = await freePort();
    const { tls, caPem } = await listenerTls(process.folder, options);
    const address = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
    const configFile = join(process.folder, 'config.json');
    const listener = { tcp: { address: `127.0.0.1:${port}`, ...tls } };
    const config = { listener, api_addr: address, ...storage(process.folder, options), ...audit(options) };
    writeFileSync(configFile, JSON.stringify(config));
    const isHealthy = async () => {
      // Sealed and not initialised are answers too: the server listens.
      await requestJson({
        url: `${address}/v1/sys/health`,
        timeoutMs: 5000,
        ...(caPem === undefined ? {} : { caPem }),
        ...(options.clients && { client: options.clients.own }),
      });
      return true;
    };
    const command = { command: requireTool('openbao'), args: ['server', `-config=${configFile}`], isHealthy };
    await process.start(command);
    const server = new OpenBao({
      process,
      command,
      address,
      caPem,
      client: options.clients?.own,
      persistent: options.storage === 'file',
    });
    await server.initialise();
    return server;
  } catch (error) {
    await process.stop();
    throw error;
  }
}

interface Parts {
  readonly process: ServerProcess;
  readonly command: ServerCommand;
  readonly address: string;
  readonly caPem: string | undefined;
  readonly client: ClientCertificate | undefined;
  readonly persistent: boolean;
}

export class OpenBao {
  readonly #parts: Parts;
  #unsealKey = '';
  #rootToken = '';

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `http(s)://127.0.0.1:PORT`; survives `restart`. */
  get address(): string {
    return this.#parts.address;
  }

  /** CA of the server's certificate; undefined without TLS. */
  get caPem(): string | undefined {
    return this.#parts.caPem;
  }

  get rootToken(): string {
    return this.#rootToken;
  }

  get logTail(): string {
    return this.#parts.process.logTail;
  }

  /** Sends one API request; `path` is without `/v1/`. Any status is an answer. */
  request(method: string, path: string, body?: unknown, options: OpenBaoRequestOptions = {}): Promise<JsonResponse> {
    const { address, caPem, client } = this.#parts;
    const token = options.token === undefined ? this.#rootToken : (options.token ?? '');
    const headers = {
      'x-vault-request': 'true',
      ...(token === '' ? {} : { 'x-vault-token': token }),
      ...(options.namespace === undefined ? {} : { 'x-vault-namespace': options.namespace }),
      ...options.headers,
    };
    return requestJson({
      url: `${address}/v1/${path}`,
      method,
      headers,
      body,
      ...(caPem === undefined ? {} : { caPem }),
      ...(client && { client }),
    });
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

  /** First initialisation and unsealing; `startOpenBao` has called it. */
  async initialise(): Promise<void> {
    const { body } = await this.expectOk('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    this.#unsealKey = body.keys_base64[0];
    this.#rootToken = body.root_token;
    await this.unseal();
  }

  async seal(): Promise<void> {
    await this.expectOk('PUT', 'sys/seal');
  }

  /** Unseals and resolves when the server is active. */
  async unseal(): Promise<void> {
    await this.expectOk('PUT', 'sys/unseal', { key: this.#unsealKey }, { token: null });
    for (;;) {
      const { status } = await this.request('GET', 'sys/health', undefined, { token: null });
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends the server's process; requests then fail to connect until `resume`. */
  async halt(): Promise<void> {
    await this.#parts.process.halt();
  }

  /** From now on the storage takes no more, as a disk that is full; what is there can be read. Needs storage `file`. */
  async fill(): Promise<void> {
    await this.#limitFiles('0');
  }

  /** Ends {@link fill}. */
  async empty(): Promise<void> {
    await this.#limitFiles('unlimited');
  }

  async #limitFiles(bytes: string): Promise<void> {
    const { process, persistent } = this.#parts;
    if (!persistent) throw new Error("storage 'inmem' cannot be full: start with storage 'file'");
    await promisify(execFile)('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:unlimited`]);
  }

  /** Starts the halted server on the same address and unseals it. Needs storage `file`. */
  async resume(): Promise<void> {
    if (!this.#parts.persistent)
      throw new Error("a restart loses the data of storage 'inmem': start with storage 'file'");
    await this.#parts.process.start(this.#parts.command);
    await this.unseal();
  }

  async restart(): Promise<void> {
    await this.halt();
    await this.resume();
  }

  stop(): Promise<void> {
    return this.#parts.process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function listenerTls(
  folder: string,
  { tls: wanted = false, clients }: OpenBaoOptions,
): Promise<{ tls: Record<string, unknown>; caPem: string | undefined }> {
  if (!wanted) return { tls: { tls_disable: true }, caPem: undefined };
  const authority = await createCertificateAuthority(folder);
  const { certificateFile, keyFile } = await authority.issueServer('openbao');
  const demand = clients && { tls_require_and_verify_client_cert: true, tls_client_ca_file: clients.caFile };
  return { tls: { tls_cert_file: certificateFile, tls_key_file: keyFile, ...demand }, caPem: authority.caPem };
}

function storage(folder: string, options: OpenBaoOptions): Record<string, unknown> {
  if (options.storage !== 'file') return { storage: { inmem: {} } };
  const path = join(folder, 'data');
  mkdirSync(path);
  return { storage: { file: { path } } };
}

function audit({ auditFile }: OpenBaoOptions): Record<string, unknown> {
  // OpenBao takes audit devices from its configuration only, not through its API.
  return auditFile === undefined
    ? {}
    : { audit: [{ type: 'file', path: 'to-file', options: { file_path: auditFile } }] };
}
