/** For benchmark `kms`: an OpenBao with TLS, a key of each type for each volume, and what is needed to reach them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KmsSettings, settleKms } from '../lib/schema/kms';
import type { WrappedKeyStore } from '../runtime/kms/key-family';
import { KmsSet } from '../runtime/kms/kms-set';
import { mountedSecrets } from '../runtime/kms/mounted-secrets';
import { startOpenBao } from '../test/harness/openbao';

export const kmsTypes = ['vault', 'vaulttransit'] as const;
export type BenchedType = (typeof kmsTypes)[number];

/** Names below which the keys are. */
export const kvMount = 'kv';
export const transitMount = 'transit';
export const transitKey = 'volumes';

const policy = [
  `path "${kvMount}/data/*" { capabilities = ["create", "update", "read"] }`,
  `path "${transitMount}/+/${transitKey}" { capabilities = ["create", "update"] }`,
  'path "sys/mounts" { capabilities = ["read"] }',
].join('\n');

export interface KmsServer {
  readonly address: string;
  readonly caPem: string;
  /** May do what the types need and no more, as that of a driver. */
  readonly token: string;
  readonly volumeIds: readonly string[];
  /** A new set has no connection and no token yet. One KMS of each type, called like it. */
  kmsSet(): KmsSet;
  /** Where the wrapped key of a volume is: in memory, so that the KMS alone is measured. */
  wrappedKeys(volumeId: string): WrappedKeyStore;
  /** Requests that the audit log holds by now. @throws Error when none is kept. */
  auditedRequests(): number;
  stop(): Promise<void>;
}

export interface KmsServerOptions {
  readonly volumes: number;
  readonly audit: boolean;
}

/** @throws ToolError TOOL_NOT_PREPARED */
export async function startKmsServer({ volumes, audit }: KmsServerOptions): Promise<KmsServer> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-bench-kms-'));
  const auditFile = join(folder, 'audit.log');
  const bao = await startOpenBao({ tls: true, ...(audit && { auditFile }) });
  const stop = async () => {
    await bao.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await bao.expectOk('POST', `sys/mounts/${kvMount}`, { type: 'kv', options: { version: '2' } });
    await bao.expectOk('POST', `sys/mounts/${transitMount}`, { type: 'transit' });
    await bao.expectOk('POST', `${transitMount}/keys/${transitKey}`, { type: 'aes256-gcm96' });
    await bao.expectOk('PUT', 'sys/policies/acl/bench', { policy });
    const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: ['bench'], ttl: '1h' });
    const token: string = body.auth.client_token;
    const files = { token: join(folder, 'token'), ca: join(folder, 'ca.pem') };
    const caPem = bao.caPem ?? '';
    writeFileSync(files.token, token, { mode: 0o600 });
    writeFileSync(files.ca, caPem);

    const settings = settingsFor(bao.address, files);
    const wrapped = new Map<string, string>();
    const server: KmsServer = {
      address: bao.address,
      caPem,
      token,
      volumeIds: Array.from({ length: volumes }, (_, index) => `volume-${index}`),
      kmsSet: () => new KmsSet(settings, { secrets: mountedSecrets(folder) }),
      wrappedKeys: (volumeId) => ({
        read: async () => wrapped.get(volumeId),
        write: async (text) => {
          wrapped.set(volumeId, text);
        },
      }),
      auditedRequests: () => readFileSync(auditFile, 'utf8').match(/^\{.*"type":"request"/gm)?.length ?? 0,
      stop,
    };
    await storeKeys(server);
    return server;
  } catch (error) {
    await stop();
    throw error;
  }
}

function settingsFor(address: string, files: { readonly token: string; readonly ca: string }) {
  const connection = {
    address,
    tls: { caFile: files.ca },
    auth: { method: 'token', tokenFile: files.token },
  } as const;
  const props = [
    { type: 'vault', ...connection, backendPath: kvMount },
    { type: 'vaulttransit', ...connection, transitPath: transitMount, keyName: transitKey },
  ] as const;
  return new Map<string, KmsSettings>(props.map((one) => [one.type, settleKms(one.type, one)]));
}

async function storeKeys({ kmsSet, volumeIds, wrappedKeys }: KmsServer): Promise<void> {
  const set = kmsSet();
  try {
    for (const type of kmsTypes) {
      const kms = set.get(type);
      for (const volumeId of volumeIds) {
        const { dek } = await kms.ensure({ volumeId, owner: '' }, { secrets: new Map() }, wrappedKeys(volumeId));
        dek.zero();
      }
    }
  } finally {
    await set.close();
  }
}
