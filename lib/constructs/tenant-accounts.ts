// The ServiceAccounts that the driver comes as to a KMS of type `vaulttenantsa`, one in each tenant's namespace.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { TenantNeeds } from './tenant-needs';

/** Props of a `TenantAccounts`. */
export interface TenantAccountsProps {
  readonly needs: TenantNeeds;
}

/** A ServiceAccount for each one whose tokens the tenant agent requests. Its name is that of the KMS (`tenantSAName`). */
export class TenantAccounts extends Construct {
  constructor(scope: Construct, id: string, { needs }: TenantAccountsProps) {
    super(scope, id);
    for (const [namespace, { serviceAccounts }] of [...needs.namespaces].sort(([left], [right]) =>
      left < right ? -1 : 1,
    )) {
      for (const name of [...serviceAccounts].sort()) {
        // Its tokens are requested by name; no pod runs as it.
        const metadata = { name, namespace };
        new k8s.KubeServiceAccount(this, `${namespace}-${name}`, { metadata, automountServiceAccountToken: false });
      }
    }
  }
}
