// Several states as one. What two of them declare must be the same in both; nothing wins over anything else.
import { SchemaError, type SchemaIssue } from '../schema/schema-error';
import type { AuthMethod } from './auth-methods';
import { byName, canonical } from './format';
import type { KvMount, TransitMount } from './mounts';
import type { VaultNamespace, VaultState } from './namespace';
import { decodeVaultState } from './state';

/**
 * The union of states with one owner. Engines, auth methods and namespaces that stand in several are united: their keys and
 * roles come together, their settings must be equal.
 *
 * Throws a SchemaError that names every conflict with both values, and one for a union that does not fit together.
 */
export function mergeVaultStates(first: VaultState, ...others: readonly VaultState[]): VaultState {
  return uniteVaultStates(first.owner, [first, ...others]);
}

/** The same for a list that may be empty, or long. */
export function uniteVaultStates(owner: string, states: readonly VaultState[]): VaultState {
  const union = new Union();
  const namespaces = union.of(owner, states);
  if (union.conflicts.length > 0) throw new SchemaError('the union of the states of the Vault', union.conflicts);
  return decodeVaultState({ owner, namespaces });
}

type Mount = KvMount | TransitMount;
type Entries<T> = Readonly<Record<string, T>>;
/** Makes one of what all states say of one thing; there is at least one. */
type Combine<T> = (all: readonly [T, ...T[]], at: string) => T;

class Union {
  readonly conflicts: SchemaIssue[] = [];

  of(owner: string, states: readonly VaultState[]): VaultState['namespaces'] {
    this.#same([owner, ...states.map((state) => state.owner)], 'owner');
    return this.#entries(
      states.map(({ namespaces }) => namespaces),
      'namespaces',
      this.#namespace,
    );
  }

  readonly #namespace: Combine<VaultNamespace> = (all, at) => {
    const part = <K extends keyof VaultNamespace>(key: K) => all.map((one) => one[key]);
    const external = [...new Set(part('externalPolicies').flatMap((names) => names ?? []))].sort();
    return {
      ...this.#optional('mounts', part('mounts'), at, this.#mount),
      ...this.#optional('policies', part('policies'), at, this.#same),
      ...(external.length > 0 && { externalPolicies: external }),
      ...this.#optional('auth', part('auth'), at, this.#authMethod),
      ...this.#optional('quotas', part('quotas'), at, this.#same),
      ...this.#optional('audit', part('audit'), at, this.#same),
    };
  };

  readonly #mount: Combine<Mount> = (all, at) => {
    const own = this.#same(all.map(withoutKeys) as [Mount, ...Mount[]], at);
    const keys = all.map((mount) => (mount.type === 'transit' ? mount.keys : undefined));
    return { ...own, ...this.#optional('keys', keys, at, this.#same) };
  };

  /** All are of one type when their own settings are the same, hence the casts: TypeScript does not see it. */
  readonly #authMethod: Combine<AuthMethod> = (all, at) => {
    const own = this.#same(all.map(withoutRoles) as [AuthMethod, ...AuthMethod[]], at);
    const roles = all.map((method): Entries<object> | undefined => method.roles);
    return { ...own, ...this.#optional('roles', roles, at, this.#same) } as AuthMethod;
  };

  /** The first; each other text of one that differs is a conflict. */
  readonly #same = <T>([first, ...others]: readonly [T, ...T[]], at: string): T => {
    if (others.length === 0) return first;
    const text = canonical(first);
    const different = new Set(others.map(canonical).filter((other) => other !== text));
    for (const other of different) {
      this.conflicts.push({
        path: at,
        message: `is ${text} in one state and ${other} in another`,
        remedy: 'declare it alike in both, or under two names',
      });
    }
    return first;
  };

  #optional<T>(
    key: string,
    all: readonly (Entries<T> | undefined)[],
    at: string,
    combine: Combine<T>,
  ): Readonly<Record<string, Entries<T>>> {
    const given = all.filter((one) => one !== undefined);
    return given.length === 0 ? {} : { [key]: this.#entries(given, `${at}.${key}`, combine) };
  }

  #entries<T>(all: readonly Entries<T>[], at: string, combine: Combine<T>): Entries<T> {
    const byKey = new Map<string, [T, ...T[]]>();
    for (const [name, value] of all.flatMap((entries) => Object.entries(entries))) {
      const present = byKey.get(name);
      if (present === undefined) byKey.set(name, [value]);
      else present.push(value);
    }
    const sorted = [...byKey].sort(byName);
    return Object.fromEntries(sorted.map(([name, values]) => [name, combine(values, `${at}.${name || '""'}`)]));
  }
}

function withoutKeys(mount: Mount): Mount {
  if (mount.type !== 'transit') return mount;
  const { keys: _, ...own } = mount;
  return own;
}

function withoutRoles({ roles: _, ...own }: AuthMethod): Omit<AuthMethod, 'roles'> {
  return own;
}
