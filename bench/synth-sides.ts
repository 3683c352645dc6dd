/**
 * The two sides of the benchmark `synth`: the same objects from one `EncryptedStorage`, and from cdk8s alone, as somebody
 * would write them who knows exactly what must come out.
 */
import { ApiObject, type ApiObjectProps, App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { EncryptedStorage } from '../lib/cdk8s';

const namespace = 'keyward-system';
const rolesName = 'keyward-csi-tenants';

/** Names of this many namespaces, in their order. */
export function tenantNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `tenant-${String(index).padStart(6, '0')}`);
}

/** One declaration. */
export function declareWithConstructs(tenants: readonly string[]): App {
  const app = new App();
  new EncryptedStorage(new Chart(app, 'storage'), 'storage', {
    namespace,
    driver: { type: 'keyward', backend: { type: 'loop' } },
    kms: { vault: { type: 'vaulttenantsa', address: 'https://vault', tls: { caFromSecret: 'vault-ca' } } },
    classes: [{ name: 'encrypted', kms: 'vault' }],
    tenants,
  });
  return app;
}

/** What is the same for any tenants: every object but the tenants' own, as it is for one tenant. */
const frame = (Chart.of(declareWithConstructs(tenantNames(1)).node.findChild('storage')).toJson() as Manifest[]).filter(
  (manifest) => manifest.metadata.namespace !== tenantNames(1)[0],
);

/** The same objects from cdk8s alone. */
export function declarePlain(tenants: readonly string[]): App {
  const app = new App();
  const chart = new Chart(app, 'storage');
  for (const [index, manifest] of frame.entries()) {
    const { kind, metadata } = manifest;
    if (kind === 'ClusterRole' && metadata.name === rolesName) {
      addTenants(chart, tenants);
      addNamespaceReader(chart, tenants);
    } else {
      if (kind === 'DaemonSet') addAccounts(chart, tenants);
      new ApiObject(chart, `${kind}-${index}`, kind === 'DaemonSet' ? forTenants(manifest, tenants) : manifest);
    }
  }
  return app;
}

function addTenants(chart: Chart, tenants: readonly string[]): void {
  const subjects = [{ kind: 'ServiceAccount', name: 'keyward-csi', namespace }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: rolesName };
  for (const tenant of tenants) {
    const metadata = { name: rolesName, namespace: tenant };
    const rule = (resource: string, verb: string, name: string) => {
      return { apiGroups: [''], resources: [resource], verbs: [verb], resourceNames: [name] };
    };
    const rules = [
      rule('secrets', 'get', 'vault-ca'),
      rule('configmaps', 'get', 'ceph-csi-kms-config'),
      rule('serviceaccounts/token', 'create', 'ceph-csi-vault-sa'),
    ];
    new k8s.KubeRole(chart, `${tenant}-role`, { metadata, rules });
    new k8s.KubeRoleBinding(chart, `${tenant}-binding`, { metadata, roleRef, subjects });
  }
}

function addAccounts(chart: Chart, tenants: readonly string[]): void {
  for (const tenant of tenants) {
    const metadata = { name: 'ceph-csi-vault-sa', namespace: tenant };
    new k8s.KubeServiceAccount(chart, `${tenant}-account`, { metadata, automountServiceAccountToken: false });
  }
}

function addNamespaceReader(chart: Chart, tenants: readonly string[]): void {
  const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'], resourceNames: [...tenants] }];
  new k8s.KubeClusterRole(chart, 'namespace-reader', { metadata: { name: rolesName }, rules });
}

interface Manifest extends ApiObjectProps {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** The DaemonSet, whose agent is told of each tenant. */
function forTenants(manifest: Manifest, tenants: readonly string[]): Manifest {
  const text = JSON.stringify(manifest);
  const of = (tenant: string) => JSON.stringify(`--tenant=${tenant}`);
  return JSON.parse(text.replace(of(tenantNames(1)[0] ?? ''), tenants.map(of).join(',')));
}
