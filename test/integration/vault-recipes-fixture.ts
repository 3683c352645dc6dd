/** Puts a state into OpenBao by plain API calls, and takes single capabilities out of its policies again. */
import { type AuthMethod, type PolicyRule, resolveAccessors, toHcl, type VaultState } from '../../lib/vault';
import type { OpenBao } from '../harness/openbao';

export interface ApplyOptions {
  /** For the reviewer mode `reviewer-token`. */
  readonly reviewerJwt?: string;
}

/** What is there already is left as it is, apart from policies, roles and configurations. */
export async function applyState(bao: OpenBao, state: VaultState, options: ApplyOptions = {}): Promise<void> {
  for (const [path, namespace] of inOrder(state.namespaces)) {
    await makeNamespace(bao, path);
    const at = inNamespace(path);
    for (const [mount, { type, ...rest }] of inOrder(namespace.mounts)) {
      const version = 'version' in rest ? { options: { version: `${rest.version}` } } : {};
      await unlessThere(bao.request('POST', `sys/mounts/${mount}`, { type, ...version }, at));
      for (const [key, body] of inOrder('keys' in rest ? rest.keys : {})) {
        await bao.expectOk('POST', `${mount}/keys/${key}`, apiFields(body), at);
      }
    }
    for (const [mount, method] of inOrder(namespace.auth)) await applyAuth(bao, path, mount, method, options);
    for (const [policy, { rules }] of inOrder(namespace.policies)) await putPolicy(bao, path, policy, rules);
  }
}

async function applyAuth(
  bao: OpenBao,
  namespace: string,
  path: string,
  { type, roles = {}, ...rest }: AuthMethod,
  { reviewerJwt }: ApplyOptions,
): Promise<void> {
  const at = inNamespace(namespace);
  if (type !== 'token') await unlessThere(bao.request('POST', `sys/auth/${path}`, { type }, at));
  if (type === 'kubernetes' && 'config' in rest && 'reviewer' in rest.config) {
    const { reviewer, ...config } = rest.config;
    const body = {
      ...apiFields(config),
      disable_local_ca_jwt: reviewer.mode !== 'vault-own-token',
      ...(reviewer.mode === 'reviewer-token' && { token_reviewer_jwt: reviewerJwt }),
    };
    await bao.expectOk('POST', `auth/${path}/config`, body, at);
  }
  const folder = type === 'token' ? 'roles' : 'role';
  for (const [role, body] of inOrder<object>(roles)) {
    await bao.expectOk('POST', `auth/${path}/${folder}/${role}`, apiFields(body), at);
  }
}

/** Writes a policy with its accessors put in. */
async function putPolicy(bao: OpenBao, namespace: string, policy: string, rules: readonly PolicyRule[]): Promise<void> {
  const { body } = await bao.expectOk('GET', 'sys/auth', undefined, inNamespace(namespace));
  // A policy without a rule is none: one about nothing stands for it.
  const hcl = rules.length === 0 ? 'path "nothing" { capabilities = ["read"] }' : toHcl({ rules });
  const text = resolveAccessors(hcl, (path) => body.data[`${path}/`]?.accessor);
  await bao.expectOk('PUT', `sys/policies/acl/${policy}`, { policy: text }, inNamespace(namespace));
}

/** A policy of a state without one capability of one rule. */
interface Mutation {
  readonly name: string;
  readonly namespace: string;
  readonly policy: string;
  /** What is left. */
  readonly rules: readonly PolicyRule[];
  /** As they were. */
  readonly original: readonly PolicyRule[];
}

/** Every capability of every rule of every policy, one at a time. */
function* mutations(state: VaultState): Generator<Mutation> {
  for (const [namespace, { policies = {} }] of Object.entries(state.namespaces)) {
    for (const [policy, { rules: original }] of Object.entries(policies)) {
      for (const [index, rule] of original.entries()) {
        for (const capability of rule.capabilities) {
          const left = { ...rule, capabilities: rule.capabilities.filter((one) => one !== capability) };
          const rules = original.flatMap((one, at) =>
            at !== index ? [one] : left.capabilities.length > 0 ? [left] : [],
          );
          yield { name: `${policy}: ${capability} on ${rule.path}`, namespace, policy, rules, original };
        }
      }
    }
  }
}

/** The names of mutations under which all operations still succeed: capabilities that nobody needs. */
export async function superfluous(
  bao: OpenBao,
  state: VaultState,
  operate: () => Promise<void>,
): Promise<readonly string[]> {
  const unneeded: string[] = [];
  for (const mutation of mutations(state)) {
    const { namespace, policy, rules, original, name } = mutation;
    await putPolicy(bao, namespace, policy, rules);
    const failure = await operate().then(
      () => undefined,
      (error: unknown) => error,
    );
    await putPolicy(bao, namespace, policy, original);
    if (failure === undefined) unneeded.push(name);
    // Any other failure would prove nothing about the policy.
    else if (!isRefusal(failure)) throw failure;
  }
  return unneeded;
}

/** Denied by OpenBao, told by one of our codes, or seen in what came of it. */
function isRefusal(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'KMS_DENIED' || /answered 403|was not renewed|is not healthy/.test(String(error));
}

export function inNamespace(path: string): { namespace?: string } {
  return path === '' ? {} : { namespace: path };
}

async function makeNamespace(bao: OpenBao, path: string): Promise<void> {
  const parts = path.split('/').filter(Boolean);
  for (const [index, part] of parts.entries()) {
    await bao.expectOk('PUT', `sys/namespaces/${part}`, {}, inNamespace(parts.slice(0, index).join('/')));
  }
}

/** 400 is OpenBao's answer to a path that is in use. */
async function unlessThere(request: ReturnType<OpenBao['request']>): Promise<void> {
  const { status, body } = await request;
  if (status < 400 || JSON.stringify(body).includes('already in use')) return;
  throw new Error(`OpenBao answered ${status}: ${JSON.stringify(body)}`);
}

function apiFields(fields: object): Record<string, unknown> {
  const inSnakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [inSnakeCase(name), value]));
}

function inOrder<T>(entries: Readonly<Record<string, T>> | undefined): readonly (readonly [string, T])[] {
  return Object.entries(entries ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
}
