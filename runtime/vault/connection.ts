/** Vault's API over one origin: namespaces, tokens, JSON in and out, refusals as coded errors. Knows no login. */
import type { HttpAnswer, HttpRequest, Origin } from '../http/origin';
import type { Secret } from '../secret';
import { notUnderstood, type Refusal, refused } from './errors';
import { type OriginOptions, vaultOrigin } from './http';
import { LeanOrigin } from './http1';

export interface VaultRequest {
  readonly method: HttpRequest['method'];
  /** Below `/v1/`, segments not yet encoded, e.g. `team-a/kv/data/pvc-1`. A namespace of data stands in front. */
  readonly path: string;
  /** Sent as X-Vault-Namespace: for logins and what belongs to a token. */
  readonly namespace?: string;
  readonly token?: Secret;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Members of the body that may be shown when the server repeats them in an error. Default none. */
  readonly showable?: readonly string[];
  /** Also an answer: a 404 without a complaint, which is how Vault says that an entry is absent. */
  readonly absentIsAnswer?: boolean;
  /** Also an answer: a refusal that carries `data`, which is how transit answers a batch of which some items failed. */
  readonly partialIsAnswer?: boolean;
  /** For this request, when it is not that of the connection. Costs less than a signal that fires at that time. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface VaultAnswer {
  readonly status: number;
  /** The JSON body; undefined when there is none. */
  readonly body: unknown;
}

export class VaultConnection {
  readonly #origin: Origin | LeanOrigin;

  /** @throws CodedError CONFIG_INVALID. */
  constructor(options: OriginOptions) {
    this.#origin = options.lean ? new LeanOrigin(options) : vaultOrigin(options);
  }

  get address(): string {
    return this.#origin.address;
  }

  /** @throws VaultError any of its codes; CodedError ABORTED. */
  async request(request: VaultRequest): Promise<VaultAnswer> {
    const { method, path, namespace, token, body, absentIsAnswer, partialIsAnswer, timeoutMs, signal } = request;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.#origin.send({
      method,
      path: `v1/${encodePath(path)}`,
      headers: {
        // A Vault Agent in between may be set to demand it.
        'X-Vault-Request': 'true',
        ...(namespace && { 'X-Vault-Namespace': namespace }),
        ...(token && { 'X-Vault-Token': token.use((bytes) => bytes.toString('latin1')) }),
        ...(text !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(text !== undefined && { body: text }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal && { signal }),
    });
    const doing = `${method} ${path} at ${this.address}`;
    const parsed = parse(answer);
    if (answer.status >= 200 && answer.status < 300) {
      if (parsed === notJson) throw notUnderstood(doing, 'is not JSON', answer.status);
      return { status: answer.status, body: parsed };
    }
    if (partialIsAnswer && hasData(parsed)) return { status: answer.status, body: parsed };
    const refusal = readRefusal(answer, parsed, request);
    if (absentIsAnswer && answer.status === 404 && parsed !== notJson && refusal.texts.length === 0) {
      return { status: 404, body: parsed };
    }
    if (parsed === notJson && isFromVault(answer.status)) throw notUnderstood(doing, 'is not JSON', answer.status);
    throw refused(refusal, doing);
  }

  close(): void {
    this.#origin.close();
  }
}

/** Joins parts of a path as Go's path.Join does for parts without dots: no empty segments. */
export function joinPath(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter((segment) => segment !== '')
    .join('/');
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

const notJson = Symbol('not JSON');

function parse({ body }: HttpAnswer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // The error of JSON.parse quotes the text, which may hold a key: only the fact is passed on.
    return notJson;
  }
}

function hasData(body: unknown): boolean {
  return (
    typeof body === 'object' && body !== null && 'data' in body && typeof body.data === 'object' && body.data !== null
  );
}

/** Where a proxy would answer in Vault's place, the status alone says enough. */
function isFromVault(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

const maxTexts = 5;

function readRefusal({ status, headers }: HttpAnswer, body: unknown, request: VaultRequest): Refusal {
  const retryAfterMs = parseRetryAfter(headers['retry-after']);
  const texts = [...textsOf(body, 'errors'), ...textsOf(body, 'warnings')].slice(0, maxTexts);
  return {
    status,
    texts: texts.map((text) => withoutSecrets(text, request)),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function textsOf(body: unknown, member: 'errors' | 'warnings'): string[] {
  if (typeof body !== 'object' || body === null || !(member in body)) return [];
  const list: unknown = (body as Record<string, unknown>)[member];
  if (!Array.isArray(list)) return [];
  return list
    .filter((text) => typeof text === 'string')
    .map((text: string) => text.replace(/\s+/g, ' ').trim().slice(0, 300));
}

/** A server or proxy that repeats what it was sent must not bring a key into our errors. */
function withoutSecrets(text: string, { token, body = {}, showable = [] }: VaultRequest): string {
  const hidden = Object.entries(body).filter(([member]) => !showable.includes(member));
  const sent = [
    ...leavesOf(Object.fromEntries(hidden)),
    ...(token ? [token.use((bytes) => bytes.toString('latin1'))] : []),
  ];
  return sent.filter((value) => value.length >= 8).reduce((safe, value) => safe.replaceAll(value, '[hidden]'), text);
}

function leavesOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : [];
}

/** Seconds or an HTTP date. Zero is no wish: OpenBao sends it with every refusal by a quota. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : undefined;
}
