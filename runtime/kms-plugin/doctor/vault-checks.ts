/** The way to Vault: address and TLS, seal, login, token, and what the policy allows for each path. */
import * as z from 'zod';
import { joinPath, VaultConnection } from '../../vault/connection';
import type { Transit } from '../../vault/transit';
import type { PluginSettings } from '../settings/resolve';
import type { VaultLink } from '../vault-link';
import { readTrust } from '../vault-trust';
import { type Finding, failed, failure, ok, skipped, warning } from './finding';

const timeoutMs = 10_000;
const sealStatus = z.object({ sealed: z.boolean(), initialized: z.boolean(), version: z.string().optional() });

export async function checkServer(settings: PluginSettings): Promise<readonly Finding[]> {
  const { address, insecureSkipVerify } = settings.config.vault;
  const isTls = address.startsWith('https:');
  const findings: Finding[] = [];
  if (!isTls) {
    findings.push(warning('tls', `${address} is plain HTTP: token and keys cross the network in clear`, 'Use https.'));
  } else if (insecureSkipVerify) {
    findings.push(
      warning('tls', 'any certificate is accepted', 'Give the CA with --vault-ca-cert instead of --vault-skip-verify.'),
    );
  }
  try {
    const connection = new VaultConnection({ address, tls: await readTrust(settings), timeoutMs });
    const answer = await connection
      .request({ method: 'GET', path: 'sys/seal-status', signal: AbortSignal.timeout(timeoutMs) })
      .finally(() => connection.close());
    const { sealed, initialized, version = 'of unknown version' } = sealStatus.parse(answer.body);
    if (!initialized)
      return [...findings, failed('address', `${address} is not initialised`, 'Initialise and unseal it.')];
    if (sealed) return [...findings, failed('address', `${address} is sealed`, 'Unseal it, or set up auto-unseal.')];
    return [...findings, ok('address', `${address} answers${isTls ? ' and is trusted' : ''} (${version})`)];
  } catch (error) {
    return [...findings, failure('address', error)];
  }
}

const tokenShape = z.object({
  data: z.object({
    ttl: z.number(),
    renewable: z.boolean().default(false),
    period: z.number().optional(),
    orphan: z.boolean().default(false),
    policies: z.array(z.string()).default([]),
    type: z.string().default('service'),
  }),
});

export async function checkLogin(settings: PluginSettings, link: VaultLink): Promise<readonly Finding[]> {
  const { method } = settings.config.auth;
  try {
    await link.keepToken(AbortSignal.timeout(timeoutMs));
  } catch (error) {
    return [failure(`login: ${method}`, error)];
  }
  const path = joinPath(settings.config.vault.namespace, 'auth/token/lookup-self');
  try {
    const answer = await link.request({ method: 'GET', path, signal: AbortSignal.timeout(timeoutMs) });
    const { data } = tokenShape.parse(answer.body);
    const findings = [ok(`login: ${method}`, `the token has the policies ${data.policies.join(', ')}`)];
    return [...findings, ...tokenFindings(data, method)];
  } catch (error) {
    if (method !== 'token') return [ok(`login: ${method}`, 'logged in; the token may not look itself up')];
    return [failure(`login: ${method}`, error)];
  }
}

type TokenData = z.infer<typeof tokenShape>['data'];

function tokenFindings(data: TokenData, method: string): readonly Finding[] {
  const { policies, ttl, period, orphan, renewable } = data;
  const findings: Finding[] = [];
  if (policies.includes('root')) {
    findings.push(
      warning(
        'token',
        'it is a root token',
        'Use a token with a policy for encrypt, decrypt and keys of one transit key.',
      ),
    );
  }
  // Another login makes up for these; a token by itself cannot.
  if (method === 'token' && ttl > 0) {
    if (!renewable) findings.push(failed('token', `it ends in ${ttl} s and cannot be renewed`, orphanRemedy));
    else if (!period)
      findings.push(warning('token', 'it is not periodic: it ends at its greatest lifetime', orphanRemedy));
    if (!orphan) findings.push(warning('token', 'it is no orphan: it ends with the token that made it', orphanRemedy));
  }
  return findings.length > 0 ? findings : [ok('token', ttl === 0 ? 'it does not end' : `it has ${ttl} s left`)];
}

const orphanRemedy = 'Make one with: vault token create -orphan -period=24h -policy=POLICY; or log in with AppRole.';

const capabilities = z.object({ data: z.record(z.string(), z.unknown()) });

/** Which of the paths that the plugin uses its policy allows. */
export async function checkPolicy(
  settings: PluginSettings,
  link: VaultLink,
  transit: Transit,
): Promise<readonly Finding[]> {
  const needs: readonly Need[] = [
    { path: transit.path('encrypt'), capability: 'update', isOptional: false, without: 'nothing can be encrypted' },
    { path: transit.path('decrypt'), capability: 'update', isOptional: false, without: 'nothing can be decrypted' },
    {
      path: transit.path('keys'),
      capability: 'read',
      isOptional: true,
      without: 'a key that was deleted and made anew cannot be told from the old one',
    },
    { path: 'auth/token/renew-self', capability: 'update', isOptional: true, without: 'the token cannot be renewed' },
  ];
  const path = joinPath(settings.config.vault.namespace, 'sys/capabilities-self');
  try {
    const body = { paths: needs.map((need) => need.path) };
    const answer = await link.request({ method: 'POST', path, body, signal: AbortSignal.timeout(timeoutMs) });
    const { data } = capabilities.parse(answer.body);
    return needs.map((need) => policyFinding(need, list(data[need.path])));
  } catch {
    return [skipped('policy', 'the token may not ask for its capabilities (policy "default" allows it)')];
  }
}

interface Need {
  readonly path: string;
  readonly capability: string;
  readonly isOptional: boolean;
  readonly without: string;
}

function policyFinding({ path, capability, isOptional, without }: Need, has: readonly string[]): Finding {
  const check = `policy: ${path}`;
  const remedy = `Add to the policy: path "${path}" { capabilities = ["${capability}"] }`;
  if (!has.includes(capability) && !has.includes('root')) {
    return (isOptional ? warning : failed)(check, `${capability} is not allowed: ${without}`, remedy);
  }
  if (
    capability === 'update' &&
    path.includes('/encrypt/') &&
    has.some((each) => each === 'create' || each === 'root')
  ) {
    return warning(check, 'create is allowed: encrypting would make a deleted key anew', 'Allow "update" only.');
  }
  return ok(check, `${capability} is allowed`);
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
