// Roles that name every object which they open: one in each namespace.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { NamespaceNeeds } from './tenant-needs';

/** Props of a `NamedAccess`. */
export interface NamedAccessProps {
  /** Name of the roles and the bindings. */
  readonly name: string;
  /** What is opened, by namespace. */
  readonly needs: ReadonlyMap<string, NamespaceNeeds>;
  /** For whom. */
  readonly subjects: readonly k8s.Subject[];
  /**
   * Whether the ServiceAccounts may also be looked at, beside having their tokens requested.
   * @default false
   */
  readonly seesAccounts?: boolean;
}

/** A Role and a RoleBinding in each namespace. */
export class NamedAccess extends Construct {
  constructor(scope: Construct, id: string, { name, needs, subjects, seesAccounts = false }: NamedAccessProps) {
    super(scope, id);
    for (const [namespace, needed] of [...needs].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const metadata = { name, namespace };
      new k8s.KubeRole(this, `${namespace}-Role`, { metadata, rules: rulesOf(needed, seesAccounts) });
      new k8s.KubeRoleBinding(this, `${namespace}-RoleBinding`, {
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [...subjects],
      });
    }
  }
}

function rulesOf({ secrets, configMaps, serviceAccounts }: NamespaceNeeds, seesAccounts: boolean): k8s.PolicyRule[] {
  return [
    namedRule('secrets', 'get', [...secrets]),
    namedRule('configmaps', 'get', [...configMaps]),
    namedRule('serviceaccounts', 'get', seesAccounts ? [...serviceAccounts] : []),
    namedRule('serviceaccounts/token', 'create', [...serviceAccounts]),
  ].filter(({ resourceNames }) => resourceNames.length > 0);
}

/** One verb on objects of a kind by their names. */
export function namedRule(resource: string, verb: string, names: readonly string[]) {
  return { apiGroups: [''], resources: [resource], verbs: [verb], resourceNames: [...names].sort() };
}
