/** Secrets of an Azure Key Vault: https://learn.microsoft.com/rest/api/keyvault/secrets/ */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { hasErrorCode, JsonService, textMember } from '../../http/json-service';
import type { Meaning } from '../../http/service-error';
import { Secret } from '../../secret';

export interface VaultSecret {
  readonly value: Secret;
  /** Azure's own id of this version. */
  readonly version: string;
}

const apiVersion = '7.4';
/** A recovery takes a few seconds. */
const recoveryPollMs = 500;
const bundle = z.object({ id: z.string(), value: z.string() });
const anything = z.unknown();

export class SecretsApi {
  readonly #service: JsonService;

  constructor(vaultUrl: string) {
    this.#service = new JsonService({ service: 'Azure Key Vault', address: vaultUrl, errorCodeOf, meaningOf });
  }

  /** The newest version; undefined when there is none, or the secret is deleted. @throws ServiceError */
  async get(name: string, token: Secret, signal?: AbortSignal): Promise<VaultSecret | undefined> {
    const request = {
      method: 'GET',
      path: path('secrets', name),
      shape: bundle,
      absentCodes: ['SecretNotFound'],
    } as const;
    const found = (await this.#request(request, token, signal)) as z.output<typeof bundle> | undefined;
    return found && { value: Secret.fromText(found.value), version: found.id.split('/').at(-1) ?? '' };
  }

  /** Makes a new version. A deleted secret of this name is recovered first: the name is not free for others. */
  async set(name: string, value: Secret, token: Secret, signal?: AbortSignal): Promise<void> {
    try {
      await this.#put(name, value, token, signal);
    } catch (error) {
      if (!hasErrorCode(error, 'ObjectIsDeletedButRecoverable')) throw error;
      await this.#recover(name, token, signal);
      await this.#put(name, value, token, signal);
    }
  }

  /** Where the vault has soft delete, which is every vault by now, it stays recoverable. No error when there is none. */
  async delete(name: string, token: Secret, signal?: AbortSignal): Promise<void> {
    const absentCodes = ['SecretNotFound'];
    await this.#request({ method: 'DELETE', path: path('secrets', name), shape: anything, absentCodes }, token, signal);
  }

  close(): void {
    this.#service.close();
  }

  async #put(name: string, value: Secret, token: Secret, signal?: AbortSignal): Promise<void> {
    const body = JSON.stringify({ value: value.use((bytes) => bytes.toString('utf8')) });
    await this.#request({ method: 'PUT', path: path('secrets', name), body, shape: bundle }, token, signal);
  }

  async #recover(name: string, token: Secret, signal?: AbortSignal): Promise<void> {
    await this.#request(
      { method: 'POST', path: path('deletedsecrets', name, 'recover'), shape: anything },
      token,
      signal,
    );
    for (;;) {
      const recovered = await this.get(name, token, signal);
      recovered?.value.zero();
      if (recovered) return;
      await sleep(recoveryPollMs, undefined, signal ? { signal } : {});
    }
  }

  #request(
    request: {
      readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
      readonly path: string;
      readonly shape: z.ZodType;
      readonly body?: string;
      readonly absentCodes?: readonly string[];
    },
    token: Secret,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const headers = {
      authorization: `Bearer ${token.use((bytes) => bytes.toString('latin1'))}`,
      accept: 'application/json',
      ...(request.body !== undefined && { 'content-type': 'application/json' }),
    };
    return this.#service.request({ ...request, headers, ...(signal && { signal }) });
  }
}

function path(...parts: readonly string[]): string {
  return `${parts.map(encodeURIComponent).join('/')}?api-version=${apiVersion}`;
}

/** The inner error tells more, where there is one. */
function errorCodeOf(body: unknown): string | undefined {
  return textMember(body, 'error', 'innererror', 'code') ?? textMember(body, 'error', 'code');
}

function meaningOf(errorCode: string): Meaning | undefined {
  return Object.entries(meanings).find(([codes]) => codes.split(' ').includes(errorCode))?.[1];
}

const meanings: Readonly<Record<string, Meaning>> = {
  SecretDisabled: {
    code: 'KMS_DENIED',
    what: 'has the secret disabled',
    remedy: 'Enable the secret in the vault.',
  },
  'AccessDenied Forbidden ForbiddenByPolicy ForbiddenByRbac': {
    code: 'KMS_DENIED',
    what: 'denies the call',
    remedy:
      'Give the application get, set, delete and recover on secrets: the role Key Vault Secrets Officer, or a policy.',
  },
  ForbiddenByFirewall: {
    code: 'KMS_DENIED',
    what: 'denies calls from this address',
    remedy: 'Allow the addresses of the nodes in the firewall of the vault, or use a private endpoint.',
  },
  'ObjectIsBeingDeleted ObjectIsBeingRecovered': {
    code: 'KMS_UNREACHABLE',
    what: 'is still deleting or recovering this secret',
    remedy: 'Repeat the call after some seconds.',
  },
};
