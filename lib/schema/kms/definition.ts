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

/** Where a KMS takes a secret from while it works. */
export type KmsSecretSource =
  /** A key of the secrets that come with each CSI request: the secret references of the StorageClass. */
  | { readonly from: 'request'; readonly key: string }
  /** A key of a named Secret. Without a namespace: the tenant's, which is the namespace of the claim. */
  | { readonly from: 'secret'; readonly name: string; readonly namespace?: string; readonly key: string }
  /** The token of the service account that the driver runs as. */
  | { readonly from: 'service-account'; readonly tokenFile: string }
  /** A file that is mounted into the driver. */
  | { readonly from: 'file'; readonly path: string };

/** One spelling of a type's settings: `encode` writes what `decode` reads back to the same settings. */
interface KmsDialect<Settings, Wire> {
  readonly decode: (wire: unknown, subject: string) => Settings;
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
  readonly type: Settings['type'];
  /** `stores`: the KMS keeps the key. `wraps`: the KMS wraps it, and the volume's metadata keeps the wrapped key. */
  readonly family: 'stores' | 'wraps';
  readonly docs: string;
  readonly options: Readonly<Record<string, KmsOption>>;
  /** Fills the defaults of a declaration and checks it. Throws a SchemaError. */
  readonly settle: (props: Props, subject: string) => Settings;
  /** A section of ceph-csi's config.json, and of keyward's. */
  readonly section: KmsDialect<Settings, Readonly<Record<string, string>>>;
  /** Where the secrets come from with these settings. */
  readonly secrets: (settings: Settings) => readonly KmsSecretSource[];
}
