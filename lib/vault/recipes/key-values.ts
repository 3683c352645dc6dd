// The KV engine of a KMS that stores keys, and what its consumer does with the entries: read off the KMS's own settings, so
// that the two sides cannot differ (R3).
import type { VaultKmsSettings } from '../../schema/kms';
import { type KvVerb, kvAccess, mountsAccess } from '../access';
import type { KvMount } from '../mounts';
import type { PolicyRule } from '../policy';
import type { Engine } from './grant';
import { below, plainPath } from './paths';

/** What the settings of `vault` and of the tenant types have in common. */
export type KeyValueSettings = Pick<
  VaultKmsSettings,
  'backend' | 'backendPath' | 'deletion' | 'namespace' | 'authNamespace'
>;

/** What there is to say of an engine beside its version. */
export type KvMountOptions = Partial<Omit<KvMount, 'type' | 'version'>>;

/** An engine, and the rules for what a KMS does there. */
export interface KeyValues {
  readonly engine: Engine;
  readonly rules: readonly PolicyRule[];
}

/**
 * @param prefix what the names of the entries begin with, below the engine
 * @param mountPath the engine's path as the policy shall have it; a template may stand in it
 * Throws a SchemaError when the keys are not in the namespace of the login or below it (trap 7).
 */
export function keyValuesOf(
  settings: KeyValueSettings,
  {
    prefix,
    mountPath = plainPath(settings.backendPath),
    options = {},
  }: { readonly prefix: string; readonly mountPath?: string; readonly options?: KvMountOptions | undefined },
): KeyValues {
  // What the consumer detects is what is declared here, and new engines have version 2.
  const version = settings.backend === 'kv' ? 1 : 2;
  const namespace = below(settings);
  return {
    engine: {
      namespace: plainPath(settings.namespace),
      path: plainPath(settings.backendPath),
      mount: { type: 'kv', version, ...options },
    },
    rules: [
      ...kvAccess({ mountPath, mount: { version }, prefix, verbs: verbsOf(settings), namespace }),
      ...(settings.backend === 'detect' ? mountsAccess(namespace, detection) : []),
    ],
  };
}

const detection = 'the KV version is looked up, since the settings do not name it';

function verbsOf({ deletion }: KeyValueSettings): readonly KvVerb[] {
  // A key is made once and replaced at each rotation.
  const always = ['read', 'write'] as const;
  switch (deletion) {
    case 'destroy':
      return [...always, 'destroy'];
    case 'recoverable':
      return [...always, 'delete'];
    case 'keep':
      return always;
  }
}
