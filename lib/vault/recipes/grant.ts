// What one consumer needs of a Vault: engines, a policy, and a role to log in with. A recipe is a list of grants.
import { SchemaError, type SchemaIssue } from '../../schema/schema-error';
import { mergeRules } from '../access';
import type { AuthMethod } from '../auth-methods';
import { canonical, isSame } from '../format';
import { uniteVaultStates } from '../merge';
import type { KvMount, TransitMount } from '../mounts';
import type { VaultNamespace, VaultState } from '../namespace';
import type { PolicyRule } from '../policy';
import { type KubernetesLoginProps, kubernetesConfig, type Login } from './login';

/** One consumer with one policy. */
export interface Grant {
  /** Namespace of login and policy, which are always together. */
  readonly namespace: string;
  readonly policy: string;
  readonly rules: readonly PolicyRule[];
  readonly login: Login;
  readonly engines: readonly Engine[];
}

/** An engine that a grant is about. */
export interface Engine {
  readonly namespace: string;
  readonly path: string;
  readonly mount: KvMount | TransitMount;
}

/** What every recipe takes. */
export interface RecipeProps {
  /**
   * Who keeps the state.
   * @default keyward
   */
  readonly owner?: string;
}

/**
 * The state that gives all grants. Grants by the same role of the same auth method make one role with all their policies.
 * Throws a SchemaError for a role that two of them bind differently, and for engines that differ.
 */
export function stateOf(
  grants: readonly Grant[],
  { owner = 'keyward' }: RecipeProps,
  kubernetes: KubernetesLoginProps = {},
): VaultState {
  const part = (namespace: string, content: VaultNamespace): VaultState => ({
    owner,
    namespaces: { [namespace]: content },
  });
  return uniteVaultStates(owner, [
    ...grants.flatMap(({ engines }) =>
      engines.map(({ namespace, path, mount }) => part(namespace, { mounts: { [path]: mount } })),
    ),
    ...grants.map(({ namespace, policy, rules }) =>
      part(namespace, { policies: { [policy]: { rules: mergeRules(rules) } } }),
    ),
    ...rolesOf(grants).map(({ namespace, login, policies }) =>
      part(namespace, { auth: authOf(login, [...policies].sort(), kubernetes) }),
    ),
  ]);
}

interface Role {
  readonly namespace: string;
  readonly login: Login;
  readonly policies: Set<string>;
}

function rolesOf(grants: readonly Grant[]): readonly Role[] {
  const roles = new Map<string, Role>();
  const conflicts: SchemaIssue[] = [];
  for (const { namespace, login, policy } of grants) {
    const at = `auth.${pathOf(login)}.roles.${login.role}`;
    const key = canonical([namespace, at]);
    const present = roles.get(key) ?? { namespace, login, policies: new Set() };
    if (!isSame(present.login, login)) {
      conflicts.push({
        path: at,
        message: `is ${canonical(present.login.body)} for one KMS and ${canonical(login.body)} for another`,
        remedy: 'give one of them another role: whoever logs in by a role has all of its policies',
      });
    }
    present.policies.add(policy);
    roles.set(key, present);
  }
  if (conflicts.length > 0) throw new SchemaError('the roles of the Vault', conflicts);
  return [...roles.values()];
}

function pathOf(login: Login): string {
  return login.method === 'token' ? 'token' : login.path;
}

function authOf(
  login: Login,
  policies: readonly string[],
  kubernetes: KubernetesLoginProps,
): Readonly<Record<string, AuthMethod>> {
  const path = pathOf(login);
  switch (login.method) {
    case 'kubernetes':
      return {
        [path]: {
          type: 'kubernetes',
          config: kubernetesConfig(kubernetes),
          roles: { [login.role]: { ...login.body, tokenPolicies: policies } },
        },
      };
    case 'approle':
      return { [path]: { type: 'approle', roles: { [login.role]: { ...login.body, tokenPolicies: policies } } } };
    case 'token':
      return { [path]: { type: 'token', roles: { [login.role]: { ...login.body, allowedPolicies: policies } } } };
  }
}
