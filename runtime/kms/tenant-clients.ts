/**
 * One Vault client for each tenant: its own settings, its own identity, its own connections, so that no token of one
 * tenant can ever be sent for another. What Kubernetes says of the tenant is read again every few seconds; a change makes
 * a new client, and the old one is closed when the calls that use it are done.
 */
import { createHash } from 'node:crypto';
import { kmsSettingsFor } from '../../lib/schema/kms';
import { SingleFlight } from '../async/single-flight';
import { CodedError, isCoded } from '../errors';
import type { VaultAuth } from '../vault/auth/auth';
import { VaultClient } from '../vault/client';
import type { CallContext } from './provider';
import type { TenantDirectory } from './tenant-directory';
import { readTenantConfig, readTenantTls, type TenantSettings } from './tenant-material';

/** What a type of tenant KMS does to log in. */
export interface TenantLogin<S extends TenantSettings> {
  /** Changes when the tenant's credential is another one; holds nothing of it. @throws CodedError SECRET_MISSING. */
  identify(settings: S, tenant: string, ctx: TenantRead): Promise<string>;
  auth(settings: S, tenant: string): VaultAuth;
}

export interface TenantRead {
  readonly fresh: boolean;
  readonly signal: AbortSignal;
}

export interface TenantClientsDeps<S extends TenantSettings> {
  readonly directory: TenantDirectory;
  readonly login: TenantLogin<S>;
  readonly now?: () => number;
  /** Tenants whose clients are kept. Default 64. */
  readonly maxTenants?: number;
}

/** A tenant's client while an action uses it. */
export interface TenantVault<S> {
  readonly settings: S;
  readonly client: VaultClient;
  /** Version of the KV engine, once it is known. */
  kvVersion?: 1 | 2;
}

interface Held<S> extends TenantVault<S> {
  readonly fingerprint: string;
  users: number;
  state: 'current' | 'retired' | 'closed';
  checkedAt: number;
  dueAt: number;
}

/** How long a change in Kubernetes may stay unnoticed, and an error be believed to last. */
const checkIntervalMs = 5_000;
const doubtIntervalMs = 1_000;
/** How long a tenant is served without Kubernetes. Vault itself decides how long its token lives. */
const maxUncheckedMs = 300_000;
const checkTimeoutMs = 15_000;

export class TenantClients<S extends TenantSettings> {
  readonly #settings: S;
  readonly #deps: TenantClientsDeps<S>;
  readonly #now: () => number;
  /** By tenant, the one used longest ago first. */
  readonly #held = new Map<string, Held<S>>();
  readonly #checks = new SingleFlight<Held<S>>();
  #closed = false;

  constructor(settings: S, deps: TenantClientsDeps<S>) {
    this.#settings = settings;
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  get size(): number {
    return this.#held.size;
  }

  /** @throws what `action` throws; CodedError SECRET_MISSING, CONFIG_INVALID and those of the directory. */
  async use<T>(tenant: string, { signal }: CallContext, action: (vault: TenantVault<S>) => Promise<T>): Promise<T> {
    const held = await this.#current(tenant, signal);
    held.users += 1;
    try {
      return await action(held);
    } catch (error) {
      // Perhaps the tenant has just been given other settings or another credential.
      if (isCoded(error, 'KMS_DENIED', 'KMS_TLS_UNTRUSTED', 'CONFIG_INVALID')) {
        held.dueAt = Math.min(held.dueAt, held.checkedAt + doubtIntervalMs);
      }
      throw error;
    } finally {
      held.users -= 1;
      if (held.state === 'retired' && held.users === 0) close(held);
    }
  }

  /** Ends all connections, also those in use. */
  close(): void {
    this.#closed = true;
    for (const held of this.#held.values()) close(held);
    this.#held.clear();
  }

  async #current(tenant: string, signal: AbortSignal | undefined): Promise<Held<S>> {
    for (;;) {
      if (this.#closed) throw closed();
      const present = this.#held.get(tenant);
      const held =
        present && this.#now() < present.dueAt
          ? this.#touch(tenant, present)
          : await this.#checks.run(tenant, () => this.#check(tenant), signal);
      // It may have been replaced, and closed, between its check and now.
      if (held.state !== 'closed') return held;
    }
  }

  async #check(tenant: string): Promise<Held<S>> {
    const present = this.#held.get(tenant);
    try {
      const held = await this.#read(tenant, present);
      if (this.#closed) {
        close(held);
        throw closed();
      }
      return held;
    } catch (error) {
      const coded = error instanceof CodedError ? error : undefined;
      if (present && coded?.retryable && this.#now() < present.checkedAt + maxUncheckedMs && !this.#closed) {
        present.dueAt = this.#now() + doubtIntervalMs;
        return present;
      }
      // What the tenant has now is unusable: what it had before must not go on to count.
      if (present && !coded?.retryable) this.#retire(tenant, present);
      throw error;
    }
  }

  async #read(tenant: string, present: Held<S> | undefined): Promise<Held<S>> {
    const { directory, login } = this.#deps;
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const fresh = present !== undefined && present.dueAt - present.checkedAt < checkIntervalMs;
    const read: TenantRead = { fresh, signal };
    const config = await readTenantConfig(directory, this.#settings, tenant, read);
    const settings = readSettings(this.#settings, tenant, config);
    const [identity, tls] = [
      await login.identify(settings, tenant, read),
      await readTenantTls(directory, settings, tenant, read),
    ];
    const fingerprint = hash([settings, identity, tls.fingerprint]);
    const checkedAt = this.#now();
    const times = { checkedAt, dueAt: checkedAt + checkIntervalMs };
    if (present?.fingerprint === fingerprint && present.state === 'current') {
      return this.#touch(tenant, Object.assign(present, times));
    }
    const client = new VaultClient({ address: settings.address, tls: tls.options }, login.auth(settings, tenant));
    const held: Held<S> = { settings, client, fingerprint, users: 0, state: 'current', ...times };
    if (present) this.#retire(tenant, present);
    return this.#touch(tenant, held);
  }

  #touch(tenant: string, held: Held<S>): Held<S> {
    this.#held.delete(tenant);
    this.#held.set(tenant, held);
    const { maxTenants = 64 } = this.#deps;
    for (const [oldest, other] of [...this.#held].slice(0, -maxTenants)) this.#retire(oldest, other);
    return held;
  }

  #retire(tenant: string, held: Held<S>): void {
    if (this.#held.get(tenant) === held) this.#held.delete(tenant);
    held.state = 'retired';
    if (held.users === 0) close(held);
  }
}

function close(held: Held<unknown>): void {
  held.state = 'closed';
  held.client.close();
}

function readSettings<S extends TenantSettings>(
  settings: S,
  tenant: string,
  config: Readonly<Record<string, string>> | undefined,
): S {
  try {
    return kmsSettingsFor(settings, tenant, config);
  } catch (error) {
    throw new CodedError('CONFIG_INVALID', error instanceof Error ? error.message : 'the settings cannot be', {
      remedy:
        'Mend the ConfigMap in the namespace of the tenant, or remove it: then the settings of the section count.',
      cause: error,
    });
  }
}

function hash(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function closed(): CodedError {
  return new CodedError('SHUTTING_DOWN', 'the KMS is closed', {
    remedy: 'Repeat the call when the driver runs again.',
  });
}
