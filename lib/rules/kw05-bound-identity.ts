// Trap 5: a role is bound to service accounts that do not run, or to all of them.
import { kmsSettingsFor, type VaultTenantSaKmsSettings } from '../schema/kms';
import { SchemaError } from '../schema/schema-error';
import type { KubernetesRole, VaultState } from '../vault/state';
import type { Cluster } from './read/cluster';
import type { KmsSectionView } from './read/kms-sections';
import { isSameNamespace } from './read/kubernetes-object';
import { at, fieldsOf, textOf } from './read/values';
import { type AnyRole, roleOf, rolesOf, type VaultClient, vaultClientsOf } from './read/vault';
import { flagOf, mountsConfigMap, type Workload } from './read/workloads';
import type { Fault, Rule } from './rule';

/** Service accounts that only together are the driver: one is of the controller, one of the nodes. */
const knownPairs = [
  ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'],
  ['rook-csi-rbd-provisioner-sa', 'rook-csi-rbd-plugin-sa'],
  ['cephfs-csi-provisioner', 'cephfs-csi-nodeplugin'],
  ['rook-csi-cephfs-provisioner-sa', 'rook-csi-cephfs-plugin-sa'],
] as const;

/** The rule. */
export const boundIdentity: Rule = {
  id: 'KW05',
  slug: 'bound-identity',
  title: 'A role is bound to service accounts that do not run, or to all',
  severity: 'error',
  why: 'Keys are made by the controller and read by the nodes, under two service accounts; Rook has one for its operator and one for its OSDs. A role that misses one fails only in that part, often days later. A role bound to `*` hands every key to every pod of the cluster.',
  evidence: { known: 'reported', where: 'rook#11454, vault#5644, vault-helm#562' },
  remedy: 'Bind the role to the service accounts and namespaces that run, and to no other',
  checks: [
    'no role is bound to every service account of every namespace (a warning when only one of the two is `*`)',
    'every workload that uses the KMS ConfigMap runs as an account that the role is bound to',
    'of controller and node account of a stock driver the role has both',
    'a tenant’s ServiceAccount of the set, in its namespace, is bound by the role that the tenant comes as',
    'Rook: the role has `rook-ceph-system` and `rook-ceph-osd`, in the namespace of the cluster',
  ],
  *check(cluster) {
    if (cluster.vault === undefined) return;
    for (const each of rolesOf(cluster.vault)) if (each.type === 'kubernetes') yield* wildcards(each);
    for (const client of vaultClientsOf(cluster)) {
      if (client.kind === 'vaulttenantsa') yield* tenantFaults(cluster.vault, client, cluster);
      else yield* clientFaults(cluster.vault, client, cluster);
    }
  },
};

/** The workloads that read a KMS ConfigMap: by a volume, or through the API as ceph-csi does. */
export function driversOf({ object }: KmsSectionView, cluster: Cluster): readonly Workload[] {
  return cluster.workloads().filter((workload) => {
    if (!isSameNamespace(workload.object.namespace, object.namespace)) return false;
    if (mountsConfigMap(workload, object.name)) return true;
    const isDetails = object.name === 'csi-kms-connection-details';
    return isDetails && workload.containers.some((each) => /^(rbd|cephfs)$/.test(flagOf(each, 'type') ?? ''));
  });
}

function* wildcards({ role, path }: AnyRole): Generator<Fault> {
  const { boundServiceAccountNames: names, boundServiceAccountNamespaces: namespaces } = role as KubernetesRole;
  const open = [names.includes('*') && 'names', namespaces.includes('*') && 'namespaces'].filter(
    (each) => each !== false,
  );
  if (open.length === 0) return;
  const message =
    open.length === 2 ? 'is bound to every service account of every namespace' : `is bound to all ${open[0]}`;
  yield {
    object: 'VaultState',
    path,
    message,
    got: '*',
    allowed: 'names of service accounts and namespaces',
    severity: open.length === 2 ? 'error' : 'warning',
  };
}

function* clientFaults(state: VaultState, client: VaultClient, cluster: Cluster): Generator<Fault> {
  const found = roleOf(state, client);
  if (found === undefined) return;
  const { role, path } = found;
  if (client.kind === 'rook') {
    yield* missing(role, path, ['rook-ceph-system', 'rook-ceph-osd'], client.object.namespace, 'Rook');
    return;
  }
  const drivers = client.section === undefined ? [] : driversOf(client.section, cluster);
  for (const { object, serviceAccount } of drivers) {
    yield* missing(role, path, [serviceAccount], object.namespace ?? client.object.namespace, object.label);
  }
  if (drivers.length > 0) return;
  for (const pair of knownPairs) {
    if (!pair.some((name) => role.boundServiceAccountNames.includes(name))) continue;
    yield* missing(role, path, pair, undefined, 'the driver, as controller and on the nodes,');
  }
}

function* missing(
  role: KubernetesRole,
  path: string,
  names: readonly string[],
  namespace: string | undefined,
  who: string,
): Generator<Fault> {
  const bound = role.boundServiceAccountNames;
  for (const name of names) {
    if (bound.some((pattern) => fits(pattern, name))) continue;
    const message = `is not bound to the service account ${name}, which ${who} runs as`;
    yield {
      object: 'VaultState',
      path: `${path}.boundServiceAccountNames`,
      message,
      got: bound.join(', '),
      allowed: name,
      remedy: `Add ${name}`,
    };
  }
  const namespaces = role.boundServiceAccountNamespaces;
  if (namespace === undefined || namespaces.some((pattern) => fits(pattern, namespace))) return;
  const message = `is not bound to the namespace ${namespace}, where ${who} runs`;
  yield {
    object: 'VaultState',
    path: `${path}.boundServiceAccountNamespaces`,
    message,
    got: namespaces.join(', '),
    allowed: namespace,
    remedy: `Add ${namespace}`,
  };
}

/** Each tenant that the set shows: it comes as its own ServiceAccount, and may have another one or another role. */
function* tenantFaults(state: VaultState, client: VaultClient, cluster: Cluster): Generator<Fault> {
  const settings = client.section?.settings;
  if (settings?.type !== 'vaulttenantsa') return;
  const found = roleOf(state, client);
  const sets = new Map<KubernetesRole, { names: Matcher; namespaces: Matcher }>();
  for (const account of cluster.objects.named('ServiceAccount', settings.tenantSAName)) {
    const { namespace } = account;
    if (namespace === undefined || namespace === client.object.namespace) continue;
    const own = tenantRole(state, client, settings, namespace, cluster) ?? found;
    if (own === undefined) continue;
    const match = sets.get(own.role) ?? {
      names: new Matcher(own.role.boundServiceAccountNames),
      namespaces: new Matcher(own.role.boundServiceAccountNamespaces),
    };
    sets.set(own.role, match);
    if (!match.names.has(account.name))
      yield* missing(own.role, own.path, [account.name], undefined, `the tenant ${namespace}`);
    if (!match.namespaces.has(namespace))
      yield* missing(own.role, own.path, [], namespace, 'the service account of the tenant');
  }
}

function tenantRole(
  state: VaultState,
  client: VaultClient,
  settings: VaultTenantSaKmsSettings,
  tenant: string,
  { objects }: Cluster,
) {
  const config = objects.find('ConfigMap', settings.tenantConfigName, tenant);
  if (config === undefined || client.login === undefined) return undefined;
  const data = Object.fromEntries(
    Object.entries(fieldsOf(at(config.fields, 'data'))).flatMap(([key, value]) =>
      textOf(value) === undefined ? [] : [[key, String(value)]],
    ),
  );
  try {
    const { role, mountPath, authNamespace } = kmsSettingsFor(settings, tenant, data);
    return roleOf(state, { ...client, authNamespace, login: { mount: mountPath, role } });
  } catch (error) {
    // Values that the driver refuses are told where fields are checked.
    if (error instanceof SchemaError) return undefined;
    throw error;
  }
}

/** Vault's globs: `*` at the end of a name. */
function fits(pattern: string, name: string): boolean {
  return pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)));
}

/** The same for a list that may have as many entries as there are tenants. */
class Matcher {
  readonly #exact: ReadonlySet<string>;
  readonly #globs: readonly string[];

  constructor(patterns: readonly string[]) {
    this.#exact = new Set(patterns);
    this.#globs = patterns.filter((each) => each.endsWith('*'));
  }

  has(name: string): boolean {
    return this.#exact.has(name) || this.#globs.some((glob) => fits(glob, name));
  }
}
