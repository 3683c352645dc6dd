/**
 * One Vault client for each CA that is in use. The CA may come with each request; a token that was obtained from a server
 * which one CA vouches for is not shown to a server which another one vouches for.
 */
import { readFile } from 'node:fs/promises';
import type { VaultConnectionSettings } from '../../../lib/schema/kms';
import { CodedError } from '../../errors';
import type { VaultAuth } from '../../vault/auth/auth';
import { fingerprint } from '../../vault/auth/credential-file';
import { kubernetesAuth } from '../../vault/auth/kubernetes';
import { tokenAuth } from '../../vault/auth/token';
import { VaultClient } from '../../vault/client';
import type { CallContext } from '../provider';
import { requestSecret } from '../request-secrets';

/** In practice one, or two while a CA is being replaced. */
const maxClients = 8;

export class VaultClients {
  readonly #settings: VaultConnectionSettings;
  #caFile: { readonly fingerprint: string; readonly text: string } | undefined;
  /** By CA text, the one used longest ago first. */
  readonly #clients = new Map<string | undefined, VaultClient>();

  constructor(settings: VaultConnectionSettings) {
    this.#settings = settings;
  }

  /** @throws CodedError SECRET_MISSING, CONFIG_UNREADABLE or CONFIG_INVALID: the CA is absent or unusable. */
  async get(ctx: CallContext): Promise<VaultClient> {
    const caPem = (await this.#readCa(ctx))?.trim();
    const client = this.#clients.get(caPem) ?? this.#make(caPem);
    this.#clients.delete(caPem);
    this.#clients.set(caPem, client);
    // Not closed, since it may be in use: its idle connections end by themselves.
    for (const oldest of [...this.#clients.keys()].slice(0, -maxClients)) this.#clients.delete(oldest);
    return client;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #make(caPem: string | undefined): VaultClient {
    const { address, tls, auth, authNamespace } = this.#settings;
    const trust = {
      verify: tls.verify,
      ...(caPem !== undefined && { caPem }),
      ...(tls.serverName !== undefined && { serverName: tls.serverName }),
    };
    return new VaultClient({ address, tls: trust }, makeAuth(auth, authNamespace));
  }

  /** The file is looked at each time, so that a CA that was replaced counts at once. */
  async #readCa(ctx: CallContext): Promise<string | undefined> {
    const { caFromSecret, caFile } = this.#settings.tls;
    if (caFromSecret !== undefined) return requestSecret(ctx, caFromSecret).use((bytes) => bytes.toString('utf8'));
    if (caFile === undefined) return undefined;
    try {
      const now = fingerprint(caFile);
      if (this.#caFile?.fingerprint !== now) {
        this.#caFile = { fingerprint: now, text: await readFile(caFile, 'utf8') };
      }
      return this.#caFile.text;
    } catch (error) {
      throw new CodedError('CONFIG_UNREADABLE', `the CA of Vault in ${caFile} cannot be read`, {
        remedy: 'Mount the file into the pod of the driver and see that it may be read.',
        cause: error,
      });
    }
  }
}

function makeAuth(auth: VaultConnectionSettings['auth'], namespace: string): VaultAuth {
  switch (auth.method) {
    case 'kubernetes':
      return kubernetesAuth({ ...auth, namespace });
    case 'token':
      return tokenAuth({ ...auth, namespace });
  }
}
