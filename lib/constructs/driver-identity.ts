// The service account of the driver's pods and what it may do: the sidecars' rules, and the Secrets of the classes by name.
import { Lazy } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { PlacedSecretRef } from './class-secrets';
import { clusterScoped } from './cluster-scoped';
import { clusterRules, namespaceRules, secretRule } from './driver-rules';

/** Props of a `DriverIdentity`. */
export interface DriverIdentityProps {
  /** Name of the service account, the roles and the bindings. */
  readonly name: string;
  /** Namespace of the driver. */
  readonly namespace: string;
  /** Whether csi-snapshotter runs. */
  readonly snapshots: boolean;
  /**
   * Whether csi-attacher runs.
   * @default false
   */
  readonly attachRequired?: boolean;
  /**
   * Whether csi-provisioner tells the free space of each node.
   * @default true
   */
  readonly capacity?: boolean;
  /**
   * Whether the sidecar of CSI-Addons runs.
   * @default false
   */
  readonly csiAddons?: boolean;
  /**
   * Whether the driver rotates keys on schedules itself.
   * @default false
   */
  readonly rotation?: boolean;
}

/** Service account and RBAC. */
export class DriverIdentity extends Construct {
  /** Name of the service account that the driver's pods run as. */
  readonly serviceAccountName: string;
  readonly #namespace: string;
  readonly #secrets = new Map<string, Set<string>>();
  #anySecret = false;

  constructor(scope: Construct, id: string, { name, namespace, ...kinds }: DriverIdentityProps) {
    super(scope, id);
    const users = { attachRequired: false, capacity: true, csiAddons: false, rotation: false, ...kinds };
    this.#namespace = namespace;
    this.serviceAccountName = name;
    const metadata = { name, namespace };
    // Every container mounts the token it needs; the driver's own container gets one for the API only when it rotates keys.
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata, automountServiceAccountToken: false });
    const rules = Lazy.any({ produce: () => [...clusterRules(users), ...(this.#anySecret ? [secretRule()] : [])] });
    clusterScoped(
      new k8s.KubeClusterRole(this, 'ClusterRole', { metadata: { name }, rules: rules as k8s.PolicyRule[] }),
    );
    clusterScoped(
      new k8s.KubeClusterRoleBinding(this, 'ClusterRoleBinding', {
        metadata: { name },
        roleRef: roleRef('ClusterRole', name),
        subjects: this.#subjects(),
      }),
    );
    this.#bind('Namespace', metadata, namespaceRules(users));
  }

  /** Lets the sidecars read a Secret of a class. A templated reference is known only per claim, so it opens all Secrets. */
  grantSecret({ name, namespace }: PlacedSecretRef): void {
    if (`${name}${namespace}`.includes('${')) {
      this.#anySecret = true;
      return;
    }
    const known = this.#secrets.get(namespace);
    if (known !== undefined) {
      known.add(name);
      return;
    }
    const names = new Set([name]);
    this.#secrets.set(namespace, names);
    const rules = Lazy.any({ produce: () => [secretRule([...names].sort())] }) as k8s.PolicyRule[];
    this.#bind(`Secrets-${namespace}`, { name: `${this.serviceAccountName}-secrets`, namespace }, rules);
  }

  #bind(id: string, metadata: { name: string; namespace: string }, rules: k8s.PolicyRule[]): void {
    new k8s.KubeRole(this, `${id}-Role`, { metadata, rules });
    new k8s.KubeRoleBinding(this, `${id}-RoleBinding`, {
      metadata,
      roleRef: roleRef('Role', metadata.name),
      subjects: this.#subjects(),
    });
  }

  #subjects(): k8s.Subject[] {
    return [{ kind: 'ServiceAccount', name: this.serviceAccountName, namespace: this.#namespace }];
  }
}

function roleRef(kind: 'Role' | 'ClusterRole', name: string): k8s.RoleRef {
  return { apiGroup: 'rbac.authorization.k8s.io', kind, name };
}
