/**
 * One Vault client for each trust that is in use. The CA may come with each request; a token that was obtained from a
 * server which one CA vouches for is not shown to a server which another one vouches for.
 */
import { createHash } from 'node:crypto';
import type { VaultConnectionSettings } from '../../../lib/schema/kms';
import type { VaultAuth } from '../../vault/auth/auth';
import { kubernetesAuth } from '../../vault/auth/kubernetes';
import { tokenAuth } from '../../vault/auth/token';
import { VaultClient } from '../../vault/client';
import { requirePrivateKey, type TlsOptions } from '../../vault/tls';
import type { CallContext } from '../provider';
import { requestSecret } from '../request-secrets';
import { KeptFile } from './kept-file';

/** In practice one, or two while a CA or a certificate is being replaced. */
const maxClients = 8;

type Trust = Pick<TlsOptions, 'caPem' | 'client'>;

export class VaultClients {
  readonly #settings: VaultConnectionSettings;
  readonly #files: { readonly ca?: KeptFile; readonly clientCert?: KeptFile; readonly clientKey?: KeptFile };
  /** By a hash of the trust, the one used longest ago first. */
  readonly #clients = new Map<string, VaultClient>();

  constructor(settings: VaultConnectionSettings) {
    const { caFile, clientCertFile, clientKeyFile } = settings.tls;
    this.#settings = settings;
    this.#files = {
      ...(caFile !== undefined && { ca: new KeptFile(caFile, 'the CA of Vault') }),
      ...(clientCertFile !== undefined && { clientCert: new KeptFile(clientCertFile, 'the client certificate') }),
      ...(clientKeyFile !== undefined && {
        clientKey: new KeptFile(clientKeyFile, 'the key of the client certificate'),
      }),
    };
  }

  /** @throws CodedError SECRET_MISSING, CONFIG_UNREADABLE or CONFIG_INVALID: TLS material is absent or unusable. */
  async get(ctx: CallContext): Promise<VaultClient> {
    const trust = await this.#readTrust(ctx);
    const id = createHash('sha256').update(JSON.stringify(trust)).digest('base64');
    const client = this.#clients.get(id) ?? this.#make(trust);
    this.#clients.delete(id);
    this.#clients.set(id, client);
    // Not closed, since it may be in use: its idle connections end by themselves.
    for (const oldest of [...this.#clients.keys()].slice(0, -maxClients)) this.#clients.delete(oldest);
    return client;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #make(trust: Trust): VaultClient {
    const { address, tls, auth, authNamespace } = this.#settings;
    if (trust.client) requirePrivateKey(trust.client.keyPem, `the file ${tls.clientKeyFile}`);
    const options = {
      ...trust,
      verify: tls.verify,
      ...(tls.serverName !== undefined && { serverName: tls.serverName }),
    };
    return new VaultClient({ address, tls: options }, makeAuth(auth, authNamespace));
  }

  async #readTrust(ctx: CallContext): Promise<Trust> {
    const caPem = await this.#readCa(ctx);
    const [certificatePem, keyPem] = [await this.#files.clientCert?.read(), await this.#files.clientKey?.read()];
    return {
      ...(caPem !== undefined && { caPem }),
      ...(certificatePem !== undefined && keyPem !== undefined && { client: { certificatePem, keyPem } }),
    };
  }

  async #readCa(ctx: CallContext): Promise<string | undefined> {
    const { caFromSecret } = this.#settings.tls;
    if (caFromSecret === undefined) return this.#files.ca?.read();
    return requestSecret(ctx, caFromSecret).use((bytes) => bytes.toString('utf8').trim());
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
