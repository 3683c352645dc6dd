// What the tenant agent may do: in each namespace a Role that names every object, and nothing beyond.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { clusterScoped } from './cluster-scoped';
import type { NamespaceNeeds, TenantNeeds } from './tenant-needs';

/** Props of a `TenantAccess`. */
export interface TenantAccessProps {
  /** Name of the roles and the bindings. */
  readonly name: string;
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
    for (const [namespace, needed] of [...needs.namespaces].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const metadata = { name, namespace };
      new k8s.KubeRole(this, `${namespace}-Role`, { metadata, rules: rulesOf(needed) });
      const roleRef = { apiGroup, kind: 'Role', name };
      new k8s.KubeRoleBinding(this, `${namespace}-RoleBinding`, { metadata, roleRef, subjects });
    }
    if (needs.tenants.length === 0) return;
    // Without it the agent could not tell a tenant that is gone, roles and all, from one that it was never let to.
    const rules = [rule('namespaces', 'get', needs.tenants)];
    clusterScoped(new k8s.KubeClusterRole(this, 'ClusterRole', { metadata: { name }, rules }));
    const roleRef = { apiGroup, kind: 'ClusterRole', name };
    clusterScoped(
      new k8s.KubeClusterRoleBinding(this, 'ClusterRoleBinding', { metadata: { name }, roleRef, subjects }),
    );
  }
}

function rulesOf({ secrets, configMaps, serviceAccounts }: NamespaceNeeds): k8s.PolicyRule[] {
  return [
    rule('secrets', 'get', [...secrets]),
    rule('configmaps', 'get', [...configMaps]),
    rule('serviceaccounts/token', 'create', [...serviceAccounts]),
  ].filter(({ resourceNames }) => resourceNames.length > 0);
}

function rule(resource: string, verb: string, names: readonly string[]) {
  return { apiGroups: [''], resources: [resource], verbs: [verb], resourceNames: [...names].sort() };
}
