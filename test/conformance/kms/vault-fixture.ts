/** A real OpenBao with what a `vault` KMS needs: engines, the least policy of the fact sheet, tokens in files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleKms, type VaultKmsProps, type VaultKmsSettings } from '../../../lib/schema/kms';
import { type OpenBao, type OpenBaoOptions, startOpenBao } from '../../harness/openbao';

export interface VaultFixture {
  readonly bao: OpenBao;
  readonly folder: string;
  /** Only with TLS. */
  readonly caFile: string;
  /** Makes a KV engine and a token that may do with it what the KMS needs; gives the file with the token. */
  prepare(mount: string, version: 1 | 2, namespace?: string): Promise<string>;
  settings(props: Omit<VaultKmsProps, 'type' | 'address'>): VaultKmsSettings;
  /** Paths of all requests that the audit log holds, oldest first, each with its operation. */
  audited(): readonly string[];
  stop(): Promise<void>;
}

export async function startVaultFixture(options: OpenBaoOptions = {}): Promise<VaultFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-vault-kms-'));
  const auditFile = join(folder, 'audit.log');
  const caFile = join(folder, 'ca.pem');
  const bao = await startOpenBao({ auditFile, ...options });
  writeFileSync(caFile, bao.caPem ?? '');
  return {
    bao,
    folder,
    caFile,

    async prepare(mount, version, namespace) {
      const at = namespace === undefined ? {} : { namespace };
      await bao.expectOk('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: `${version}` } }, at);
      await bao.expectOk('PUT', `sys/policies/acl/${mount}`, { policy: leastPolicy(mount) }, at);
      const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: [mount], ttl: '1h' }, at);
      const tokenFile = join(folder, `${mount}.token`);
      writeFileSync(tokenFile, `${body.auth.client_token}\n`);
      return tokenFile;
    },

    settings: (props) => {
      const settled = settleKms('under-test', { type: 'vault', address: bao.address, ...props });
      if (settled.type !== 'vault') throw new Error('not the settings of a vault KMS');
      return settled;
    },

    audited: () =>
      readFileSync(auditFile, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ type }) => type === 'request')
        .map(({ request }) => `${request.operation} ${request.namespace?.path ?? ''}${request.path}`),

    async stop() {
      await bao.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the `vault` KMS does with one engine, and no more. Paths of KV version 1 and 2 do not meet. */
function leastPolicy(mount: string): string {
  const rule = (path: string, ...can: string[]) => `path "${path}" { capabilities = ${JSON.stringify(can)} }`;
  return [
    rule(`${mount}/data/*`, 'create', 'update', 'read', 'delete'),
    rule(`${mount}/metadata/*`, 'read', 'delete', 'list'),
    rule(`${mount}/*`, 'create', 'update', 'read', 'delete'),
    rule('sys/mounts', 'read'),
  ].join('\n');
}
