// What one KMS type is made of. A new type is one file that exports a definition and one row in ./types.ts.

/** The provider ids of ceph-csi v3.17, and keyward's `vaulttransit`. Compared exactly, as ceph-csi does. */
export const kmsTypeNames = [
  'default',
  'metadata',
  'vault',
  'vaulttokens',
  'vaulttenantsa',
  'aws-metadata',
  'aws-sts-metadata',
  'azure-kv',
  'ibmkeyprotect',
  'kmip',
  'vaulttransit',
] as const;

/** A KMS type that is known by name. */
export type KmsTypeName = (typeof kmsTypeNames)[number];

/** A section of config.json. ceph-csi takes text for everything but a few numbers of its `kmip` type and the map `tenants`. */
export type KmsSection = Readonly<Record<string, unknown>>;

/** Where a KMS takes a secret from while it works. */
export type KmsSecretSource =
  /** A key of the secrets that come with each CSI request: the secret references of the StorageClass. */
  | { readonly from: 'request'; readonly key: string }
  /**
   * A key of a named Secret. Without a namespace: the tenant's, which is the namespace of the claim; and with
   * `orOfDriver` the one of the driver's namespace where the tenant has no such Secret.
   */
  | {
      readonly from: 'secret';
      readonly name: string;
      readonly namespace?: string;
      readonly key: string;
      readonly orOfDriver?: true;
    }
  /** A key of a named Secret in the namespace of the driver ($POD_NAMESPACE). */
  | { readonly from: 'driver-secret'; readonly name: string; readonly key: string; readonly optional?: true }
  /** A ConfigMap of the tenant with its overrides. No secret, but read with the tenant's right. */
  | { readonly from: 'config-map'; readonly name: string }
  /** A token that is requested for a ServiceAccount of the tenant; without an audience for the API server itself. */
  | { readonly from: 'token-request'; readonly serviceAccount: string; readonly audience?: string }
  /** The token of the service account that the driver runs as; without an audience the one for Vault. */
  | { readonly from: 'service-account'; readonly tokenFile: string; readonly audience?: string }
  /** A file that is mounted into the driver. */
  | { readonly from: 'file'; readonly path: string };

/** One spelling of a type's settings: `encode` writes what `decode` reads back to the same settings. */
export interface KmsDialect<Settings, Wire> {
  /** Reads the spelling. `subject` names it in errors. Throws a SchemaError. */
  readonly decode: (wire: unknown, subject: string) => Settings;
  /** Writes the spelling. Throws a SchemaError for what it cannot say. */
  readonly encode: (settings: Settings) => Wire;
}

/** One option of a type as ceph-csi spells it. */
export interface KmsOption {
  /** What it means, for people. */
  readonly docs: string;
  /** True when the tenant's own ConfigMap may set it. */
  readonly tenantMaySet: boolean;
}

/** Everything that keyward knows of one KMS type. */
export interface KmsTypeDefinition<
  Settings extends { readonly type: KmsTypeName },
  Props extends { readonly type: KmsTypeName },
> {
  /** The id of the type. */
  readonly type: Settings['type'];
  /** `stores`: the KMS keeps the key. `wraps`: the KMS wraps it, and the volume's metadata keeps the wrapped key. */
  readonly family: 'stores' | 'wraps';
  /** What it does, in a sentence. */
  readonly docs: string;
  /** Its options by ceph-csi's names. */
  readonly options: Readonly<Record<string, KmsOption>>;
  /** Fills the defaults of a declaration and checks it. Throws a SchemaError. */
  readonly settle: (props: Props, subject: string) => Settings;
  /** A section of ceph-csi's config.json, and of keyward's. */
  readonly section: KmsDialect<Settings, KmsSection>;
  /** Where the secrets come from with these settings. */
  readonly secrets: (settings: Settings) => readonly KmsSecretSource[];
  /**
   * What counts for one tenant, given the data of its ConfigMap. Absent: the type takes no overrides.
   * Throws a SchemaError.
   */
  readonly forTenant?: (
    settings: Settings,
    tenant: string,
    config: Readonly<Record<string, string>> | undefined,
  ) => Settings;
}
