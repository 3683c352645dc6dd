// What the tenant agent may do: in each namespace a Role that names every object, and nothing beyond.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { clusterScoped } from './cluster-scoped';
import { NamedAccess, namedRule } from './named-access';
import type { TenantNeeds } from './tenant-needs';

/** Props of a `TenantAccess`. */
export interface TenantAccessProps {
  /** Name of the roles and the bindings. */
  readonly name: string;
  /** What the driver reads in the namespaces of the tenants. */
  readonly needs: TenantNeeds;
  /** The service account of the driver's pods. */
  readonly serviceAccount: { readonly name: string; readonly namespace: string };
}

/** Roles and bindings of the tenant agent. */
export class TenantAccess extends Construct {
  constructor(scope: Construct, id: string, { name, needs, serviceAccount }: TenantAccessProps) {
    super(scope, id);
    const subjects = [{ kind: 'ServiceAccount', ...serviceAccount }];
    const apiGroup = 'rbac.authorization.k8s.io';
    new NamedAccess(this, 'Namespaces', { name, needs: needs.namespaces, subjects });
    if (needs.tenants.length === 0) return;
    // Without it the agent could not tell a tenant that is gone, roles and all, from one that it was never let to.
    const rules = [namedRule('namespaces', 'get', needs.tenants)];
    clusterScoped(new k8s.KubeClusterRole(this, 'ClusterRole', { metadata: { name }, rules }));
    const roleRef = { apiGroup, kind: 'ClusterRole', name };
    clusterScoped(
      new k8s.KubeClusterRoleBinding(this, 'ClusterRoleBinding', { metadata: { name }, roleRef, subjects }),
    );
  }
}
