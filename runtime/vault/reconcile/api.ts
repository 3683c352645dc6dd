/** The few requests that reconciling needs, with namespaces, repeats, and Vault's several ways to say that something is absent. */
import * as z from 'zod';
import { retry } from '../../async/retry';
import { isCoded } from '../../errors';
import type { TokenRequest } from '../client';
import { joinPath, type VaultAnswer } from '../connection';
import { notUnderstood, VaultError } from '../errors';

/** What {@link VaultApi} needs of a VaultClient. */
export interface Requester {
  readonly address: string;
  request(request: TokenRequest): Promise<VaultAnswer>;
}

export type ApiObject = Readonly<Record<string, unknown>>;

const data = z.object({ data: z.record(z.string(), z.unknown()) });
const keys = z.object({ data: z.object({ keys: z.array(z.string()) }) });

/** Refusals before anything was done. 400 is retryable only for a KV engine that is just being made a versioned one. */
const putOff = [400, 412, 429, 472, 473, 503];

/** Vault as seen from one namespace; the paths of namespaces in it are relative to that one. */
export class VaultApi {
  readonly #client: Requester;
  readonly #base: string;

  /** @param base namespace of the connection, empty for the root */
  constructor(client: Requester, base: string) {
    this.#client = client;
    this.#base = base;
  }

  get address(): string {
    return this.#client.address;
  }

  /** The member `data` of a GET; undefined when there is nothing at the path. @throws VaultError. */
  async read(namespace: string, path: string): Promise<ApiObject | undefined> {
    const answer = await this.#orAbsent(() => this.#send('GET', namespace, path));
    if (!answer) return undefined;
    const parsed = data.safeParse(answer.body);
    if (parsed.success) return parsed.data.data;
    throw notUnderstood(`GET ${path} at ${this.address}`, 'has no usable member "data"', answer.status);
  }

  /** As {@link read}, but what is not Vault's plain "nothing here" is an error: a namespace or an engine that is missing. */
  async readStrictly(namespace: string, path: string): Promise<ApiObject | undefined> {
    const answer = await this.#send('GET', namespace, path);
    if (answer.status === 404) return undefined;
    const parsed = data.safeParse(answer.body);
    if (parsed.success) return parsed.data.data;
    throw notUnderstood(`GET ${path} at ${this.address}`, 'has no usable member "data"', answer.status);
  }

  /** The names in a folder; none when there is no folder. @throws VaultError. */
  async list(namespace: string, path: string): Promise<readonly string[]> {
    const answer = await this.#orAbsent(() => this.#send('LIST', namespace, path));
    if (!answer) return [];
    const parsed = keys.safeParse(answer.body);
    if (parsed.success) return parsed.data.data.keys;
    throw notUnderstood(`LIST ${path} at ${this.address}`, 'lists no keys', answer.status);
  }

  /**
   * @param secret names of members that no error may show
   * @throws VaultError.
   */
  async write(namespace: string, path: string, body: ApiObject, secret: readonly string[] = []): Promise<void> {
    const showable = Object.keys(body).filter((name) => !secret.includes(name));
    await this.#send('POST', namespace, path, { body, showable });
  }

  /** Also succeeds when there was nothing. @throws VaultError. */
  async remove(namespace: string, path: string): Promise<void> {
    await this.#orAbsent(() => this.#send('DELETE', namespace, path));
  }

  /** Repeats only what the server itself put off: then it is certain that the request was not carried out. */
  #send(
    method: TokenRequest['method'],
    namespace: string,
    path: string,
    extra: Pick<TokenRequest, 'body' | 'showable'> = {},
  ): Promise<VaultAnswer> {
    const full = joinPath(this.#base, namespace);
    const request = { method, path, absentIsAnswer: true, ...(full !== '' && { namespace: full }), ...extra };
    return retry(() => this.#client.request(request), {
      attempts: 8,
      firstDelayMs: 200,
      isRetriable: (error) => error instanceof VaultError && error.retryable && putOff.includes(error.status ?? 0),
      delayAfterMs: (error) => (error instanceof VaultError ? error.retryAfterMs : undefined),
    });
  }

  async #orAbsent(send: () => Promise<VaultAnswer>): Promise<VaultAnswer | undefined> {
    try {
      const answer = await send();
      return answer.status === 404 ? undefined : answer;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
}

/** 404 with a complaint: no such namespace, no such engine. 400: how the mount table says that a path is free. */
function isAbsent(error: unknown): boolean {
  if (!isCoded(error) || !(error instanceof VaultError)) return false;
  if (error.status === 404) return true;
  return error.status === 400 && /no (secret|auth) engine|no matching mount/i.test(error.message);
}
