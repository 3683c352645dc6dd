// Policies, as the text that the server takes.
import { all, type Output } from '@pulumi/pulumi';
import { getAuthBackendOutput, Policy } from '@pulumi/vault';
import { accessorPaths, accessorPlaceholder, resolveAccessors } from '../../vault/accessor';
import { toHcl } from '../../vault/hcl';
import { childName, childOptions, namespaceOf, type VaultPlace } from './place';

/** Registers the policies of a namespace. Those that name the accessor of an auth method wait for the method. */
export function registerPolicies(place: VaultPlace, accessors: ReadonlyMap<string, Output<string>>): void {
  for (const [name, declared] of Object.entries(place.declared.policies ?? {})) {
    const hcl = toHcl(declared);
    const used = accessorPaths(hcl).map((path) => [path, accessors.get(path) ?? lookUp(place, path)] as const);
    // Only the mocks of a unit test give no accessor.
    const policy = all(Object.fromEntries(used)).apply((known) =>
      resolveAccessors(hcl, (path) => known[path] ?? accessorPlaceholder(path)),
    );
    new Policy(childName(place, 'policy', name), { name, policy, ...namespaceOf(place) }, childOptions(place));
  }
}

/** The method "token" is there without anybody's doing, with its namespace; the state is checked to declare every other. */
function lookUp(place: VaultPlace, path: string): Output<string> {
  const args = { path, ...namespaceOf(place) };
  return all(place.madeBy.map(({ id }) => id)).apply(
    () => getAuthBackendOutput(args, { parent: place.owner.resource }).accessor,
  );
}
