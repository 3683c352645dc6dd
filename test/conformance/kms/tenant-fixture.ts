/**
 * A real OpenBao, a real Kubernetes API and the tenant agent between them, with exactly the roles that lib emits. Two
 * tenants, `shop` and `billing`; whatever else a test needs of them it makes itself.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart } from 'cdk8s';
import { EncryptedStorage } from '../../../lib/cdk8s';
import { encodeKmsConfig, type KmsProps, type KmsSettings, settleKms } from '../../../lib/schema/kms';
import type { KmsProvider } from '../../../runtime/kms/provider';
import { makeProvider } from '../../../runtime/kms/providers';
import { mountedOrOfTenant } from '../../../runtime/kms/tenant-secrets';
import { silentLog } from '../../../runtime/log';
import { type Agent, type AgentOptions, startTenantAgent } from '../../../runtime/tenant-agent/agent';
import { TenantAgentClient } from '../../../runtime/tenant-agent/client';
import { type Kubernetes, startKubernetes } from '../../harness/kubernetes';
import { type OpenBao, type OpenBaoOptions, startOpenBao } from '../../harness/openbao';

const tenants = ['shop', 'billing'] as const;
const driverNamespace = 'keyward-system';
const account = 'keyward-csi';

export interface TenantFixture {
  readonly bao: OpenBao;
  readonly kubernetes: Kubernetes;
  readonly folder: string;
  readonly endpoint: string;
  /** File with the token of the agent's service account. */
  readonly agentTokenFile: string;
  /** Creates or replaces a Secret. */
  putSecret(namespace: string, name: string, data: Readonly<Record<string, string>>): Promise<void>;
  putConfigMap(namespace: string, name: string, data: Readonly<Record<string, string>>): Promise<void>;
  remove(path: string): Promise<void>;
  /** A client of the agent, as the process that serves CSI has one. Closed at the end. */
  connect(): TenantAgentClient;
  settings(kmsId: string): KmsSettings;
  provider(kmsId: string, changes?: object): KmsProvider;
  /** Requests in OpenBao's audit log, oldest first: `operation namespace/path`. */
  audited(): readonly string[];
  startAgent(options?: Partial<AgentOptions>): Promise<Agent>;
  stop(): Promise<void>;
}

export interface TenantFixtureOptions extends OpenBaoOptions {
  readonly agent?: Partial<AgentOptions>;
}

/** @param kms gives the KMSs, which the agent knows as well; their address is OpenBao's unless they give one */
export async function startTenantFixture(
  kms: (address: string) => Readonly<Record<string, KmsProps>>,
  { agent, ...options }: TenantFixtureOptions = {},
): Promise<TenantFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'kw-'));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const auditFile = join(folder, 'audit.log');
  const [kubernetes, bao] = await Promise.all([startKubernetes(), startOpenBao({ auditFile, ...options })]);
  const declared = kms(bao.address);
  const settings = new Map(Object.entries(declared).map(([id, props]) => [id, settleKms(id, props) as KmsSettings]));
  await setUpKubernetes(kubernetes, declared);
  const agentTokenFile = file('token', await kubernetes.serviceAccountToken(driverNamespace, account));
  const endpoint = `unix://${join(folder, 'agent.sock')}`;
  const startAgent = (more: Partial<AgentOptions> = {}) =>
    startTenantAgent({
      version: 'test',
      endpoint,
      kmsConfigFile: file('kms.json', encodeKmsConfig(settings)),
      tenants,
      namespace: driverNamespace,
      access: { address: kubernetes.url, caFile: file('api-ca.pem', kubernetes.caPem), tokenFile: agentTokenFile },
      healthPort: 0,
      log: silentLog,
      ...agent,
      ...more,
    });
  const running = await startAgent();
  const clients: TenantAgentClient[] = [];
  const connect = () => {
    const client = new TenantAgentClient({ endpoint });
    clients.push(client);
    return client;
  };
  const settingsOf = (kmsId: string) => {
    const found = settings.get(kmsId);
    if (!found) throw new Error(`the fixture has no KMS ${kmsId}`);
    return found;
  };
  const put = async (kind: string, namespace: string, name: string, body: object) => {
    const path = `/api/v1/namespaces/${namespace}/${kind}`;
    const there = (await kubernetes.request('GET', `${path}/${name}`)).status === 200;
    const object = { metadata: { name }, ...body };
    await kubernetes.expectOk(there ? 'PUT' : 'POST', there ? `${path}/${name}` : path, object);
  };
  return {
    bao,
    kubernetes,
    folder,
    endpoint,
    agentTokenFile,
    putSecret: (namespace, name, stringData) => put('secrets', namespace, name, { stringData }),
    putConfigMap: (namespace, name, data) => put('configmaps', namespace, name, { data }),
    remove: async (path) => {
      await kubernetes.request('DELETE', path);
    },
    connect,
    settings: settingsOf,
    provider: (kmsId, changes = {}) => {
      const directory = connect();
      const deps = { secrets: mountedOrOfTenant(folder, directory), tenants: directory };
      return makeProvider({ ...settingsOf(kmsId), ...changes } as KmsSettings, deps as never);
    },
    audited: () =>
      readFileSync(auditFile, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ type }) => type === 'request')
        .map(({ request }) => `${request.operation} ${request.namespace?.path ?? ''}${request.path}`),
    startAgent,
    async stop() {
      for (const client of clients) client.close();
      await running.close(1_000);
      await Promise.all([bao.stop(), kubernetes.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Namespaces, and what lib emits for the identity of the agent: nothing here is written by hand. */
async function setUpKubernetes(kubernetes: Kubernetes, kms: Readonly<Record<string, KmsProps>>): Promise<void> {
  for (const name of [driverNamespace, ...tenants, 'stranger']) {
    await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name } });
  }
  const chart = new Chart(new App(), 'fixture', { namespace: driverNamespace, disableResourceNameHashes: true });
  const driver = { type: 'keyward', backend: { type: 'loop' }, name: account, tenantAccountsExist: true } as const;
  new EncryptedStorage(chart, 'Storage', { driver, kms, classes: [], tenants });
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  for (const object of chart.toJson()) {
    const at = `/namespaces/${object.metadata.namespace}`;
    const path = {
      ServiceAccount: `/api/v1${at}/serviceaccounts`,
      Role: `${rbac}${at}/roles`,
      RoleBinding: `${rbac}${at}/rolebindings`,
      ClusterRole: `${rbac}/clusterroles`,
      ClusterRoleBinding: `${rbac}/clusterrolebindings`,
    }[object.kind as string];
    if (path !== undefined) await kubernetes.expectOk('POST', path, object);
  }
}

/** Enables Kubernetes auth, in a namespace or the root, so that OpenBao reviews tokens at the real API. Gives the accessor. */
export async function enableKubernetesAuth(fixture: TenantFixture, mount: string, namespace?: string): Promise<string> {
  const { bao, kubernetes } = fixture;
  const at = namespace === undefined ? {} : { namespace };
  await bao.expectOk('POST', `sys/auth/${mount}`, { type: 'kubernetes' }, at);
  await configureKubernetesAuth(fixture, mount, kubernetes.url, namespace);
  const { body } = await bao.expectOk('GET', 'sys/auth', undefined, at);
  return body.data[`${mount}/`].accessor;
}

export async function configureKubernetesAuth(
  { bao, kubernetes }: TenantFixture,
  mount: string,
  host: string,
  namespace?: string,
): Promise<void> {
  const config = {
    kubernetes_host: host,
    kubernetes_ca_cert: kubernetes.caPem,
    token_reviewer_jwt: kubernetes.adminToken,
    disable_local_ca_jwt: true,
  };
  await bao.expectOk('POST', `auth/${mount}/config`, config, namespace === undefined ? {} : { namespace });
}

/** The least policy for the keys below a prefix of a KV v2 mount. */
export function policyFor(mount: string, prefix: string): string {
  const rule = (path: string, ...can: string[]) => `path "${path}" { capabilities = ${JSON.stringify(can)} }`;
  return [
    rule(`${mount}/data/${prefix}*`, 'create', 'update', 'read', 'delete'),
    rule(`${mount}/metadata/${prefix}*`, 'read', 'delete'),
  ].join('\n');
}
