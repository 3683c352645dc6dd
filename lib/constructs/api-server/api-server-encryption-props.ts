// What an ApiServerEncryption is told.
import type { ApiObjectMetadata } from 'cdk8s';
import type { EncryptionProvider } from '../../schema/encryption-configuration';
import type { EncryptionStep } from '../../schema/encryption-phase';
import type { KmsPluginProps } from '../../schema/kms-plugin';
import type { Distribution } from './distribution';
import type { KmsApiVersion } from './kubernetes-version';
import type { KmsPluginOptions } from './plugin-plan';
import type { KmsPluginStaticPodProps } from './static-pod';

/** Props of an `ApiServerEncryption`, but for the step of the roll-out. */
export interface ApiServerEncryptionOptions
  extends Omit<KmsPluginOptions, 'config' | 'directory' | 'apiServerGroup'>,
    Pick<KmsPluginStaticPodProps, 'implementation' | 'image' | 'memoryLimit' | 'rules'> {
  /** What runs the API server. */
  readonly distribution: Distribution;
  /** Version of the oldest API server, e.g. `1.34`. */
  readonly kubernetesVersion: string;
  /**
   * Version of Talos, 1.14 or newer.
   * @default - to be given for Talos
   */
  readonly talosVersion?: string;
  /** Where Vault is. Files are to be in the plugin's directory. */
  readonly vault: KmsPluginProps['vault'];
  /** How the plugin logs in. Files are to be in the plugin's directory. */
  readonly auth: KmsPluginProps['auth'];
  /**
   * Mount and key of the transit engine.
   * @default - mount `transit`, key `kms`
   */
  readonly transit?: NonNullable<KmsPluginProps['transit']>;
  /**
   * Further settings of the plugin.
   * @default - as `keyward kms-plugin --help` says
   */
  readonly plugin?: Omit<KmsPluginProps, 'vault' | 'auth' | 'transit' | 'socket' | 'api'>;
  /**
   * Name of the provider. It is part of what etcd holds: never change it.
   * @default keyward
   */
  readonly providerName?: string;
  /**
   * Version of the KMS API. From Kubernetes 1.29 on v1 needs a feature gate, which is then set.
   * @default v2
   */
  readonly kmsVersion?: KmsApiVersion;
  /**
   * How long the API server waits for the plugin, as a duration of Go.
   * @default 3s
   */
  readonly timeout?: string;
  /**
   * What is encrypted.
   * @default ['secrets']
   */
  readonly resources?: readonly string[];
  /**
   * Providers of before, which still read; the one that wrote first.
   * @default - plain text; to be given for RKE2 and Talos, which encrypt with a key of their own
   */
  readonly previous?: readonly EncryptionProvider[];
  /**
   * The EncryptionConfiguration that the API servers have now, parsed. What it reads and the new one would not must be named
   * in the migration.
   * @default - not compared
   */
  readonly inForce?: unknown;
  /**
   * Further feature gates of the API server, since it takes all in one flag.
   * @default - none
   */
  readonly featureGates?: Readonly<Record<string, boolean>>;
  /**
   * An object that carries the files to whoever provisions the nodes, e.g. Cluster API.
   * @default - none: take them from `files`
   */
  readonly delivery?: { readonly kind?: 'Secret' | 'ConfigMap'; readonly metadata?: ApiObjectMetadata };
}

/** Props of an `ApiServerEncryption`. */
export type ApiServerEncryptionProps = ApiServerEncryptionOptions & EncryptionStep;
