// The accessor of an auth method is known only once the method is enabled, and templated policies must name it. Until then a
// placeholder stands for it, which every delivery of the state resolves.
import { SchemaError } from '../schema/schema-error';

const placeholder = /\{\{accessor:auth\/([^{}]+)\}\}/g;

/**
 * Stands for the accessor of the auth method at `path`, e.g. `kubernetes`, of the same namespace:
 * `{{accessor:auth/kubernetes}}`.
 */
export function accessorPlaceholder(path: string): string {
  return `{{accessor:auth/${path}}}`;
}

/** Paths of the auth methods whose accessors a text waits for, each once, in order. */
export function accessorPaths(text: string): readonly string[] {
  return [...new Set([...text.matchAll(placeholder)].map(([, path = '']) => path))];
}

/**
 * Puts the accessors in.
 * @param lookup gives the accessor of the auth method at a path, e.g. `kubernetes`
 * Throws a SchemaError for an auth method that `lookup` does not know.
 */
export function resolveAccessors(text: string, lookup: (path: string) => string | undefined): string {
  return text.replace(placeholder, (whole, path: string) => {
    const accessor = lookup(path);
    if (accessor !== undefined) return accessor;
    throw new SchemaError('a templated policy', [
      {
        path: whole,
        message: 'names no auth method that is there',
        remedy: `enable the auth method auth/${path} first`,
      },
    ]);
  });
}

/** In a policy: the metadata `key` of whoever logged in at the auth method `path`. */
export function aliasMetadata(path: string, key: string): string {
  return `{{identity.entity.aliases.${accessorPlaceholder(path)}.metadata.${key}}}`;
}

/** In a policy: the namespace of the service account that logged in at the Kubernetes auth method `path`. */
export function serviceAccountNamespace(path: string): string {
  return aliasMetadata(path, 'service_account_namespace');
}
