/** For benchmark `kms-plugin`: an OpenBao with TLS, one transit key, and what a plugin needs to reach it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOpenBao } from '../test/harness/openbao';

const key = 'kms';
/** What the documentation of vault-kubernetes-kms asks for. */
const policy = [
  `path "transit/encrypt/${key}" { capabilities = ["update"] }`,
  `path "transit/decrypt/${key}" { capabilities = ["update"] }`,
  `path "transit/keys/${key}" { capabilities = ["read"] }`,
  'path "auth/token/lookup-self" { capabilities = ["read"] }',
  'path "auth/token/renew-self" { capabilities = ["update"] }',
].join('\n');

export interface TransitServer {
  readonly address: string;
  readonly caFile: string;
  readonly key: string;
  readonly token: string;
  /** For sockets; gone with the server. */
  readonly folder: string;
  /** Requests that the audit log holds by now. @throws Error when none is kept. */
  auditedRequests(): number;
  stop(): Promise<void>;
}

/**
 * @param isAudited every request and answer is logged, which slows the server down
 * @throws ToolError TOOL_NOT_PREPARED
 */
export async function startTransitServer(isAudited: boolean): Promise<TransitServer> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-bench-'));
  const auditFile = join(folder, 'audit.log');
  const bao = await startOpenBao({ tls: true, ...(isAudited && { auditFile }) });
  const stop = async () => {
    await bao.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await bao.expectOk('POST', 'sys/mounts/transit', { type: 'transit' });
    await bao.expectOk('POST', `transit/keys/${key}`, { type: 'aes256-gcm96' });
    await bao.expectOk('PUT', 'sys/policies/acl/bench', { policy });
    const role = { policies: ['bench'], no_parent: true, no_default_policy: true, period: '24h' };
    const { body } = await bao.expectOk('POST', 'auth/token/create', role);
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, bao.caPem ?? '');
    return {
      address: bao.address,
      caFile,
      key,
      token: body.auth.client_token,
      folder,
      auditedRequests: () => readFileSync(auditFile, 'utf8').match(/^\{.*"type":"request"/gm)?.length ?? 0,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
