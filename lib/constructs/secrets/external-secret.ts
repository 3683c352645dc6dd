// A Secret that the External Secrets Operator fills from a Vault path (design, decision 4): the manifest says where the value
// is, and never what it is.
import { ApiObject, type ApiObjectMetadata, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { propError } from '../prop-error';
import type { ISecret } from './secret-with-keys';

/** Where one key of the Secret comes from. */
export interface RemoteValue {
  /** Path at the store, e.g. `storage/rook` for Vault, without the mount and without `data/`: the store knows those. */
  readonly path: string;
  /**
   * Field of the entry.
   * @default - the whole entry
   */
  readonly property?: string;
  /**
   * Version of the entry.
   * @default - the newest
   */
  readonly version?: string;
}

/** The store that the values come from. */
export interface SecretStoreRef {
  /** Name of the store. */
  readonly name: string;
  /**
   * Kind of the store.
   * @default SecretStore
   */
  readonly kind?: 'SecretStore' | 'ClusterSecretStore';
}

/** Props of an `ExternalSecret`. */
export interface ExternalSecretProps {
  /** The store, which is there already. */
  readonly store: SecretStoreRef;
  /** The data keys of the Secret, and where each comes from. */
  readonly data: Readonly<Record<string, RemoteValue>>;
  /**
   * How often the store is asked, as a duration of Go.
   * @default 1h
   */
  readonly refreshInterval?: string;
  /**
   * What becomes of the Secret when this object is deleted: `Owner`, it goes too; `Orphan`, it stays.
   * @default Owner
   */
  readonly creationPolicy?: 'Owner' | 'Orphan';
  /** Metadata of the ExternalSecret; the Secret bears the same name. */
  readonly metadata: ApiObjectMetadata & { readonly name: string };
}

/**
 * A Secret whose values come from a store.
 *
 * There is no `creationPolicy: 'Merge'`: it writes into a Secret that somebody else makes (trap 15).
 */
export class ExternalSecret extends Construct implements ISecret {
  /** Name of the Secret, and of the ExternalSecret. */
  readonly name: string;
  readonly namespace?: string;
  readonly keys: readonly string[];

  constructor(scope: Construct, id: string, props: ExternalSecretProps) {
    super(scope, id);
    this.name = props.metadata.name;
    this.keys = Object.keys(props.data);
    const namespace = props.metadata.namespace ?? Chart.of(this).namespace;
    if (namespace !== undefined) this.namespace = namespace;
    refuseEmpty(props.data, this.node.path);
    refuseInterval(props.refreshInterval, this.node.path);
    refuseForeign(props.creationPolicy, this.node.path);
    new ApiObject(this, 'Resource', this.#toKube(props));
  }

  #toKube({ store, data, refreshInterval, creationPolicy, metadata }: ExternalSecretProps) {
    return {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata,
      spec: {
        refreshInterval: refreshInterval ?? '1h',
        secretStoreRef: { name: store.name, kind: store.kind ?? 'SecretStore' },
        target: { name: metadata.name, creationPolicy: creationPolicy ?? 'Owner' },
        data: Object.entries(data).map(([secretKey, { path, property, version }]) => ({
          secretKey,
          remoteRef: {
            key: path,
            ...(property !== undefined && { property }),
            ...(version !== undefined && { version }),
          },
        })),
      },
    };
  }
}

function refuseEmpty(data: Readonly<Record<string, RemoteValue>>, subject: string): void {
  const entries = Object.entries(data);
  const wrong = entries.find(
    ([key, { path }]) => !/^[-._a-zA-Z0-9]{1,253}$/.test(key) || !/^[^/\s][^\s]*[^/\s]$|^[^/\s]$/.test(path),
  );
  if (entries.length > 0 && wrong === undefined) return;
  throw propError({
    prop: `${subject}.data`,
    got: wrong === undefined ? 'no key' : `the key ${JSON.stringify(wrong[0])} from ${JSON.stringify(wrong[1].path)}`,
    allowed: 'keys of a Secret, each with a path that has no slash first or last',
    remedy: 'Write for example { token: { path: "storage/rook", property: "token" } }',
    rule: 'trap 3',
  });
}

function refuseInterval(interval: string | undefined, subject: string): void {
  if (interval === undefined || /^(\d+(\.\d+)?(ms|s|m|h))+$/.test(interval)) return;
  throw propError({
    prop: `${subject}.refreshInterval`,
    got: JSON.stringify(interval),
    allowed: 'a duration of Go',
    remedy: 'Write for example "30m"',
  });
}

function refuseForeign(policy: string | undefined, subject: string): void {
  if (policy === undefined || policy === 'Owner' || policy === 'Orphan') return;
  throw propError({
    prop: `${subject}.creationPolicy`,
    got: JSON.stringify(policy),
    allowed: 'Owner, Orphan',
    remedy: 'Do not write into a Secret that somebody else makes: make one of your own and refer to it',
    rule: 'trap 15',
  });
}
