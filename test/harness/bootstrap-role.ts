/** What docs/gitops.md leaves to be done by hand at a Vault: a policy from the documentation, and a role that the Job logs in with. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenBao } from './openbao';

/** An API server as the Vault reaches it. */
export interface ReviewingApiServer {
  readonly url: string;
  readonly caPem: string;
  /** Of an account that may review tokens. */
  readonly token: string;
}

/** Makes the role `keyward-apply` of the auth method `bootstrap`, for one account. @throws Error with what OpenBao answers */
export async function bindBootstrapRole(
  bao: Pick<OpenBao, 'expectOk'>,
  { url, caPem, token }: ReviewingApiServer,
  account: { readonly name: string; readonly namespace: string },
): Promise<void> {
  const documented = readFileSync(join(__dirname, '../../docs/vault-cli.md'), 'utf8');
  const [, policy] = /```hcl\n([\s\S]*?)```/.exec(documented) ?? [];
  await bao.expectOk('POST', 'sys/policies/acl/keyward-apply', { policy });
  await bao.expectOk('POST', 'sys/auth/bootstrap', { type: 'kubernetes' });
  await bao.expectOk('POST', 'auth/bootstrap/config', {
    kubernetes_host: url,
    kubernetes_ca_cert: caPem,
    token_reviewer_jwt: token,
    disable_local_ca_jwt: true,
  });
  await bao.expectOk('POST', 'auth/bootstrap/role/keyward-apply', {
    bound_service_account_names: account.name,
    bound_service_account_namespaces: account.namespace,
    audience: 'vault',
    token_policies: ['keyward-apply'],
    token_ttl: '10m',
  });
}
