// Where the resources of one Vault namespace go: their names, their parent, what they wait for.
import { type CustomResource, type CustomResourceOptions, mergeOptions } from '@pulumi/pulumi';
import type { VaultNamespace } from '../../vault/state';
import type { Owner } from '../owner';

/** One namespace of a Vault, as the component registers it. */
export interface VaultPlace {
  readonly owner: Owner;
  /** Path of the namespace; the empty one is that of the provider. */
  readonly path: string;
  readonly declared: VaultNamespace;
  /** What makes the namespace: everything in it waits for that. */
  readonly madeBy: readonly CustomResource[];
  /** Whether Pulumi refuses to delete what holds keys. */
  readonly protectsKeys: boolean;
}

/** The field `namespace` of each resource. */
export function namespaceOf({ path }: VaultPlace): { readonly namespace?: string } {
  return path === '' ? {} : { namespace: path };
}

/** Path from the provider's namespace: what names a thing in the props and outputs of the component. */
export function addressOf(place: VaultPlace, ...parts: readonly string[]): string {
  return [...(place.path === '' ? [] : [place.path]), ...parts].join('/');
}

/** The name is part of the URN: as long as kind and path stay, Pulumi sees the same resource. */
export function childName(place: VaultPlace, kind: string, ...parts: readonly string[]): string {
  return `${place.owner.name}/${kind}/${addressOf(place, ...parts)}`;
}

/** Options of a child: those of the component, and `own`. */
export function childOptions({ owner, madeBy }: VaultPlace, own: CustomResourceOptions = {}): CustomResourceOptions {
  const inherited = owner.dependsOn === undefined ? {} : { dependsOn: owner.dependsOn };
  const common = mergeOptions({ parent: owner.resource, dependsOn: [...madeBy] }, inherited);
  return mergeOptions(common, own);
}

/** Options of what holds keys: gone once, gone for ever. */
export function keptOptions(place: VaultPlace): CustomResourceOptions {
  return childOptions(place, place.protectsKeys ? { protect: true } : {});
}
