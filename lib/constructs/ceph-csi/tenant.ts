// What ceph-csi reads in the namespace of a tenant, and nothing else: the ServiceAccount that it comes as, the Secret with the
// tenant's token, and the ConfigMap by which a tenant has its keys elsewhere.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { defined } from '../../schema/decode';
import { type KmsSettings, kmsSecretSources, kmsSettingsFor, kmsTypes } from '../../schema/kms';
import { labelName } from '../../schema/names';
import type { IKmsConfigMap } from '../kms-config-map';
import { propError } from '../prop-error';
import { type ISecret, nameOfSecret } from '../secrets/secret-with-keys';

/** What the ConfigMap of a tenant may say, in ceph-csi's spelling. The last three are for `vaulttenantsa` only. */
export type CephCsiTenantOverrides = Readonly<
  Partial<
    Record<
      | 'vaultAddress'
      | 'vaultBackend'
      | 'vaultBackendPath'
      | 'vaultAuthNamespace'
      | 'vaultNamespace'
      | 'vaultDestroyKeys'
      | 'vaultTLSServerName'
      | 'vaultCAVerify'
      | 'tenantSAName'
      | 'vaultAuthPath'
      | 'vaultRole',
      string
    >
  >
>;

/** Props of a `CephCsiTenant`. */
export interface CephCsiTenantProps<Id extends string> {
  /** Where the KMS ids are defined. */
  readonly kmsConfig: IKmsConfigMap<Id>;
  /** The KMS that the tenant's classes use; it must be one that reads from the tenant's namespace. */
  readonly kms: Id;
  /** The tenant: the namespace of its claims. It must exist. */
  readonly namespace: string;
  /**
   * The Secret that the KMS reads, by reference. Its name is the one that the KMS configuration says.
   * @default - none; a KMS that reads one is refused
   */
  readonly secret?: ISecret;
  /**
   * What differs for this tenant.
   * @default - nothing, and no ConfigMap
   */
  readonly overrides?: CephCsiTenantOverrides;
}

/** A tenant of stock ceph-csi. */
export class CephCsiTenant<const Id extends string> extends Construct {
  /** The tenant: the namespace of its claims. */
  readonly namespace: string;
  /** What counts for this tenant, overrides included. */
  readonly settings: KmsSettings;
  /**
   * The ServiceAccounts that a role of Vault must be bound to, with the namespace. Empty for a KMS that does not log in as the
   * tenant.
   */
  readonly boundServiceAccounts: readonly { readonly name: string; readonly namespace: string }[];

  constructor(
    scope: Construct,
    id: string,
    props: CephCsiTenantProps<NoInfer<Id>> & { readonly kmsConfig: IKmsConfigMap<Id> },
  ) {
    super(scope, id);
    const { namespace, overrides } = props;
    this.namespace = namespace;
    this.#refuseNamespace(namespace);
    const settings = this.#kmsOf(props);
    this.#refuseOverrides(settings, overrides);
    this.settings = kmsSettingsFor(settings, namespace, overrides && defined(overrides));
    this.#requireSecret(props.secret);
    const { settings: own } = this;
    this.boundServiceAccounts = own.type === 'vaulttenantsa' ? [{ name: own.tenantSAName, namespace }] : [];
    for (const { name } of this.boundServiceAccounts) {
      // Its tokens are requested by name; no pod runs as it.
      const metadata = { name, namespace };
      new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata, automountServiceAccountToken: false });
    }
    if (overrides !== undefined && 'tenantConfigName' in settings) {
      const metadata = { name: settings.tenantConfigName, namespace };
      new k8s.KubeConfigMap(this, 'Config', { metadata, data: { ...defined(overrides) } });
    }
  }

  #refuseNamespace(namespace: string): void {
    if (labelName.safeParse(namespace).success) return;
    throw this.#fault('namespace', {
      got: JSON.stringify(namespace),
      allowed: 'the name of a namespace',
      remedy: 'A tenant is the namespace of its claims, and no pattern',
      rule: 'trap 5',
    });
  }

  #kmsOf({ kms, kmsConfig }: CephCsiTenantProps<Id>): KmsSettings {
    const settings = Object.hasOwn(kmsConfig.kms, kms) ? kmsConfig.kms[kms] : undefined;
    if (settings !== undefined && kmsSecretSources(settings).some(isOfTenant)) return settings;
    throw this.#fault('kms', {
      got: settings === undefined ? JSON.stringify(kms) : `${kms}, which reads nothing of a tenant`,
      allowed:
        Object.entries<KmsSettings>(kmsConfig.kms)
          .filter(([, it]) => kmsSecretSources(it).some(isOfTenant))
          .map(([name]) => name)
          .join(', ') || 'none: no KMS of the configuration reads from the namespace of a claim',
      remedy: 'Use a KMS that comes as the tenant',
      rule: 'R14',
    });
  }

  #refuseOverrides({ type }: KmsSettings, overrides: CephCsiTenantOverrides | undefined): void {
    const { options } = kmsTypes[type];
    const allowed = Object.keys(options).filter((key) => options[key]?.tenantMaySet === true);
    const wrong = Object.keys(overrides ?? {}).find((key) => !allowed.includes(key));
    if (wrong === undefined) return;
    throw this.#fault(`overrides.${wrong}`, {
      got: `a value, for a KMS of type ${type}`,
      allowed: allowed.join(', ') || 'nothing',
      remedy: 'Remove it: ceph-csi passes over it in the ConfigMap of a tenant',
      rule: 'R14, trap 1',
    });
  }

  #requireSecret(secret: ISecret | undefined): void {
    const sources = kmsSecretSources(this.settings).filter(isSecretOfTenant);
    const [first] = sources;
    if (first === undefined) return;
    const prop = `${this.node.path}.secret`;
    const keys = sources.map(({ key }) => key);
    if (secret?.name !== first.name) {
      throw this.#fault('secret', {
        got: secret === undefined ? 'nothing' : `the Secret ${secret.name}`,
        allowed: `the Secret ${first.name} with ${keys.join(', ')}, which the KMS configuration names for all tenants`,
        remedy: 'Refer to it: it may exist, or come from an ExternalSecret',
        rule: 'R3, trap 2',
      });
    }
    nameOfSecret(secret, { prop, keys, namespace: this.namespace, rule: 'trap 2' });
  }

  #fault(prop: string, fault: { got: string; allowed: string; remedy: string; rule: string }): Error {
    return propError({ prop: `${this.node.path}.${prop}`, ...fault });
  }
}

type Source = ReturnType<typeof kmsSecretSources>[number];
type TenantSecret = Extract<Source, { from: 'secret' }>;

/** Not what only may be with the tenant: TLS material that the driver's namespace has for all. */
function isSecretOfTenant(source: Source): source is TenantSecret {
  return source.from === 'secret' && source.namespace === undefined && source.orOfDriver === undefined;
}

function isOfTenant(source: Source): boolean {
  return isSecretOfTenant(source) || source.from === 'config-map' || source.from === 'token-request';
}
