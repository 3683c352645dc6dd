/** A service that speaks JSON over HTTP: its answers parsed and checked, its refusals as coded errors. */
import type { z } from 'zod';
import { type HttpAnswer, type HttpRequest, Origin, type OriginOptions } from './origin';
import { failuresOf, type Meaning, refused, ServiceError } from './service-error';

export interface JsonRequest<S extends z.ZodType> extends HttpRequest {
  /** What a success must look like. */
  readonly shape: S;
  /** The service's error codes that mean "there is none": then the answer is undefined. A bare 404 may be a proxy's. */
  readonly absentCodes?: readonly string[];
  /** What error codes mean for this request, before what they mean for all. */
  readonly meanings?: Readonly<Record<string, Meaning>>;
}

export interface JsonServiceOptions extends OriginOptions {
  /** For messages, e.g. `Azure Key Vault`. */
  readonly service: string;
  /** The service's own code of an error, out of the body of a refusal. */
  readonly errorCodeOf: (body: unknown) => string | undefined;
  /** What it means; undefined: as the status says. */
  readonly meaningOf: (errorCode: string) => Meaning | undefined;
}

export class JsonService {
  readonly #origin: Origin;
  readonly #options: JsonServiceOptions;

  constructor(options: JsonServiceOptions) {
    this.#origin = new Origin(options, failuresOf(options.service));
    this.#options = options;
  }

  get url(): string {
    return this.#origin.url;
  }

  /** Undefined for an absent thing only. @throws ServiceError; CodedError ABORTED. */
  async request<S extends z.ZodType>(request: JsonRequest<S>): Promise<z.output<S> | undefined> {
    const { method, path, shape, absentCodes = [], meanings = {} } = request;
    const doing = `${method} ${path} at ${this.#origin.address}`;
    const answer = await this.#origin.send(request);
    const body = parse(answer);
    if (answer.status < 200 || answer.status >= 300) {
      const errorCode = this.#options.errorCodeOf(body);
      if (errorCode !== undefined && absentCodes.includes(errorCode)) return undefined;
      throw this.#refused(answer, errorCode, doing, meanings[errorCode ?? '']);
    }
    const parsed = shape.safeParse(body);
    if (!parsed.success) throw failuresOf(this.#options.service).notUnderstood(doing, 'is not of the expected form');
    return parsed.data;
  }

  close(): void {
    this.#origin.close();
  }

  #refused({ status, headers }: HttpAnswer, errorCode: string | undefined, doing: string, meaning?: Meaning): Error {
    const { service, meaningOf } = this.#options;
    const refusal = { status, errorCode, retryAfterMs: retryAfterMs(headers['retry-after']) };
    return refused(service, refusal, doing, meaning ?? (errorCode === undefined ? undefined : meaningOf(errorCode)));
  }
}

/** The service's own code in a refusal by it; for callers that react to single ones. */
export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof ServiceError && error.errorCode !== undefined && codes.includes(error.errorCode);
}

/** One member of a JSON object, if it is text: for reading error codes out of anything. */
export function textMember(value: unknown, ...path: readonly string[]): string | undefined {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return typeof at === 'string' ? at : undefined;
}

/** The error of JSON.parse quotes the text, which may hold a key: only the absence of a value is passed on. */
function parse({ body }: HttpAnswer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Seconds or an HTTP date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : undefined;
}
