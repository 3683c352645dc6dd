// Leave for ceph-csi to read the Secrets that its KMSs and classes name, in place of the leave to read all Secrets of the
// cluster that its manifests ship. In each namespace a Role that names every object.
import type { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { type KmsSettings, kmsSecretSources } from '../../schema/kms';
import type { PlacedSecretRef } from '../class-secrets';
import type { IKmsConfigMap } from '../kms-config-map';
import { NamedAccess } from '../named-access';
import { propError } from '../prop-error';
import { type NamespaceNeeds, tenantNeeds } from '../tenant-needs';
import type { CephCsiTenant } from './tenant';

/** What is known of a tenant that is declared. */
export type AccessedTenant = Pick<CephCsiTenant<string>, 'namespace' | 'boundServiceAccounts'>;

/** Props of a `CephCsiSecretAccess`. */
export interface CephCsiSecretAccessProps {
  /** The KMSs of the driver. */
  readonly kmsConfig: IKmsConfigMap;
  /** Namespace of ceph-csi. */
  readonly namespace: string;
  /**
   * Tenants whose claims use a KMS that reads from their namespace: the namespaces, or the constructs, which also tell a
   * ServiceAccount that a tenant has under another name.
   * @default - none; such a KMS is refused
   */
  readonly tenants?: readonly (string | AccessedTenant)[];
  /**
   * Classes whose Secrets the sidecars read.
   * @default - none
   */
  readonly classes?: readonly { readonly secrets: ReadonlyMap<string, PlacedSecretRef> }[];
  /**
   * ServiceAccounts of ceph-csi's controller and node pods. Rook has `rook-csi-rbd-provisioner-sa` and
   * `rook-csi-rbd-plugin-sa`.
   * @default - rbd-csi-provisioner, rbd-csi-nodeplugin
   */
  readonly serviceAccounts?: readonly string[];
  /**
   * Name of the roles and the bindings.
   * @default ceph-csi-kms
   */
  readonly name?: string;
}

/**
 * Roles and bindings for stock ceph-csi that name what they open.
 *
 * Take the rules on `secrets`, `configmaps`, `serviceaccounts` and `serviceaccounts/token` out of the ClusterRoles of
 * ceph-csi, or these add nothing. Releases that cache Secrets (from September 2025 to January 2026) go on working without
 * leave to list and watch, but notice a changed Secret only when they start anew.
 */
export class CephCsiSecretAccess extends Construct {
  /** What is opened, by namespace. */
  readonly needs: ReadonlyMap<string, NamespaceNeeds>;

  constructor(scope: Construct, id: string, props: CephCsiSecretAccessProps) {
    super(scope, id);
    const { namespace, kmsConfig, classes = [] } = props;
    const declared = (props.tenants ?? []).filter((tenant) => typeof tenant !== 'string');
    const tenants = (props.tenants ?? []).map((tenant) => (typeof tenant === 'string' ? tenant : tenant.namespace));
    const subject = this.node.path;
    const ofTenants = tenantNeeds({ subject, kms: kmsConfig.kms, tenants, namespace });
    const needs = new Needs(ofTenants.namespaces);
    for (const account of declared.flatMap(({ boundServiceAccounts }) => boundServiceAccounts)) {
      needs.serviceAccount(account.namespace, account.name);
    }
    for (const settings of Object.values<KmsSettings>(kmsConfig.kms)) {
      for (const source of kmsSecretSources(settings)) {
        const isOwn = source.from === 'driver-secret' || (source.from === 'secret' && source.namespace === namespace);
        if (isOwn) needs.secret(namespace, source.name);
      }
    }
    if (kmsConfig.format === 'connection-details') needs.configMap(namespace, kmsConfig.name);
    for (const { secrets } of classes) {
      for (const ref of secrets.values()) {
        for (const at of placesOf(ref, tenants, subject)) needs.secret(at, ref.name);
      }
    }
    this.needs = needs.namespaces;
    const accounts = props.serviceAccounts ?? ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'];
    const subjects: k8s.Subject[] = accounts.map((name) => ({ kind: 'ServiceAccount', name, namespace }));
    new NamedAccess(this, 'Access', {
      name: props.name ?? 'ceph-csi-kms',
      needs: this.needs,
      subjects,
      seesAccounts: true,
    });
  }
}

class Needs {
  readonly namespaces = new Map<string, { readonly [K in keyof NamespaceNeeds]: Set<string> }>();

  constructor(known: ReadonlyMap<string, NamespaceNeeds>) {
    for (const [namespace, { secrets, configMaps, serviceAccounts }] of known) {
      const copy = {
        secrets: new Set(secrets),
        configMaps: new Set(configMaps),
        serviceAccounts: new Set(serviceAccounts),
      };
      this.namespaces.set(namespace, copy);
    }
  }

  secret(namespace: string, name: string): void {
    this.#at(namespace).secrets.add(name);
  }

  configMap(namespace: string, name: string): void {
    this.#at(namespace).configMaps.add(name);
  }

  serviceAccount(namespace: string, name: string): void {
    this.#at(namespace).serviceAccounts.add(name);
  }

  #at(namespace: string) {
    const known = this.namespaces.get(namespace);
    if (known !== undefined) return known;
    const added = { secrets: new Set<string>(), configMaps: new Set<string>(), serviceAccounts: new Set<string>() };
    this.namespaces.set(namespace, added);
    return added;
  }
}

/** The token for the namespace of the claim, which the provisioner fills. */
const ofClaim = `\${pvc.namespace}`;

/** The namespaces of a reference; one that is made from the claim's is that of each tenant. */
function placesOf(
  { name, namespace }: PlacedSecretRef,
  tenants: readonly string[],
  subject: string,
): readonly string[] {
  if (!`${name}${namespace}`.includes('${')) return [namespace];
  if (!name.includes('${') && namespace === ofClaim && tenants.length > 0) return tenants;
  throw propError({
    prop: `${subject}.classes`,
    got: `the Secret ${JSON.stringify(name)} in ${JSON.stringify(namespace)}`,
    allowed: `Secrets whose names are known, or one name in ${ofClaim} with tenants`,
    remedy: 'Leave for a name that only the claim tells is leave for all Secrets: name the Secret, or the tenants',
    rule: 'R14',
  });
}
