// Namespaces, each after the one above it.
import { Namespace } from '@pulumi/vault';
import type { VaultState } from '../../vault/state';
import type { Owner } from '../owner';
import { childName, keptOptions, namespaceOf, type VaultPlace } from './place';

/**
 * Registers every namespace of the state but that of the provider, and returns where the resources of each go. A namespace
 * above that is not in the state must exist.
 */
export function registerNamespaces(owner: Owner, state: VaultState, protectsKeys: boolean): readonly VaultPlace[] {
  const makers = new Map<string, Namespace>();
  // A path sorts after those it begins with.
  return Object.entries(state.namespaces)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, declared]) => {
      const above = path.slice(0, Math.max(0, path.lastIndexOf('/')));
      const outer = { owner, path: above, declared, madeBy: madeBy(makers.get(above)), protectsKeys };
      if (path !== '') makers.set(path, makeNamespace(outer, path.slice(above === '' ? 0 : above.length + 1)));
      return { ...outer, path, madeBy: madeBy(makers.get(path)) };
    });
}

function makeNamespace(outer: VaultPlace, path: string): Namespace {
  return new Namespace(childName(outer, 'namespace', path), { path, ...namespaceOf(outer) }, keptOptions(outer));
}

function madeBy(maker: Namespace | undefined): readonly Namespace[] {
  return maker === undefined ? [] : [maker];
}
