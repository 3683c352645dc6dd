// Engines, and the keys of transit.
import { kv, Mount, transit } from '@pulumi/vault';
import type { KvMount, TransitMount } from '../../vault/state';
import { childName, childOptions, keptOptions, namespaceOf, type VaultPlace } from './place';

/** Registers the engines of a namespace. They and the transit keys are protected when the component says so. */
export function registerMounts(place: VaultPlace): readonly Mount[] {
  return Object.entries(place.declared.mounts ?? {}).map(([path, mount]) =>
    mount.type === 'kv' ? registerKv(place, path, mount) : registerTransit(place, path, mount),
  );
}

function registerKv(place: VaultPlace, path: string, declared: KvMount): Mount {
  const { type, version, description, ...config } = declared;
  const args = { path, type, options: { version: String(version) }, ...described(description), ...namespaceOf(place) };
  const mount = new Mount(childName(place, 'mount', path), args, keptOptions(place));
  if (Object.keys(config).length > 0)
    new kv.SecretBackendV2(
      childName(place, 'kv-config', path),
      { mount: mount.path, ...config, ...namespaceOf(place) },
      childOptions(place),
    );
  return mount;
}

function registerTransit(place: VaultPlace, path: string, { type, description, keys = {} }: TransitMount): Mount {
  const args = { path, type, ...described(description), ...namespaceOf(place) };
  const mount = new Mount(childName(place, 'mount', path), args, keptOptions(place));
  for (const [name, key] of Object.entries(keys))
    new transit.SecretBackendKey(
      childName(place, 'transit-key', path, name),
      { backend: mount.path, name, ...key, ...namespaceOf(place) },
      keptOptions(place),
    );
  return mount;
}

function described(description: string | undefined): { readonly description?: string } {
  return description === undefined ? {} : { description };
}
