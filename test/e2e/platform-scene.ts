/** stacks/platform on the cluster in a box: its configuration, what is done by hand, and what a cluster and OpenBao hold at all. */
import type { ClusterBox } from '../harness/cluster-box';
import { PulumiProject } from '../harness/pulumi';
import { vaultOutline } from '../harness/vault-outline';
import { ControlPlane, type NodeDeclaration } from './control-plane';
import { namespace, reviewer, StorageScene, startCluster } from './storage-scene';

/** Namespaces with keys of their own. */
export const tenants = ['billing', 'shop'] as const;

const reviewerHome = 'kube-system';
const reviewerName = reviewer(reviewerHome).token.name;

/** Everything that the stack, tenants or controllers could leave. */
const collections = [
  ...['namespaces', 'persistentvolumes', 'pods', 'configmaps', 'secrets', 'serviceaccounts'].map(
    (it) => `/api/v1/${it}`,
  ),
  ...['daemonsets', 'controllerrevisions', 'deployments'].map((it) => `/apis/apps/v1/${it}`),
  ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(
    (it) => `/apis/rbac.authorization.k8s.io/v1/${it}`,
  ),
  ...['storageclasses', 'csidrivers', 'csistoragecapacities', 'volumeattachments'].map(
    (it) => `/apis/storage.k8s.io/v1/${it}`,
  ),
] as const;

export class PlatformScene extends StorageScene {
  readonly project: PulumiProject;
  readonly #controlPlane: ControlPlane;
  #reviewerToken: string;

  private constructor(cluster: ClusterBox, reviewerToken: string) {
    super(cluster);
    this.#controlPlane = new ControlPlane(cluster);
    const { url, caPem, token: adminToken } = cluster.api.access;
    this.project = new PulumiProject({ kubernetes: { url, caPem, adminToken }, openBao: cluster.openBao });
    this.#reviewerToken = reviewerToken;
  }

  /** The token with which OpenBao reviews others. */
  get reviewerToken(): string {
    return this.#reviewerToken;
  }

  /** Boots a cluster and does what docs/pulumi.md leaves to be done by hand; nothing is declared. */
  static async start(): Promise<PlatformScene> {
    const cluster = await startCluster();
    try {
      const scene = new PlatformScene(cluster, await makeReviewer(cluster));
      await scene.makeNamespaces(...tenants);
      await scene.#configure();
      return scene;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** OpenBao is outside of the cluster, with a CA of its own. */
  async #configure(): Promise<void> {
    const { api, openBao } = this.cluster;
    await this.project.init({ vaultCaCert: openBao.caPem, kubernetesCaCert: api.access.caPem });
    await this.project.expectOk('config', 'set', '--secret', 'vaultReviewerJwt', this.reviewerToken);
    for (const [index, tenant] of tenants.entries()) await this.#set(`tenants[${index}]`, tenant);
    await this.#set('apiServer.distribution', 'kubeadm');
    await this.#set('apiServer.kubernetesVersion', '1.34');
    await this.#set('apiServer.phase', 'encrypt');
    // Nodes do not resolve names of Services.
    await this.#set('apiServer.vaultAddress', openBao.addressInside);
  }

  async #set(path: string, value: string): Promise<void> {
    await this.project.expectOk('config', 'set', '--path', path, value);
  }

  async up(): Promise<void> {
    await this.project.expectOk('up', '--yes', '--skip-preview');
  }

  /**
   * Puts what the stack has declared on the control-plane node. The token of the reviewer is another afterwards: what was written
   * before is in the files of etcd as it was.
   * @returns what the plugin logs in with
   */
  async encryptSecrets(): Promise<{ readonly secretId: string }> {
    const { roleId, secretId, ...declared } = await this.#outputs();
    await this.#controlPlane.encrypt(declared, { 'role-id': roleId, 'secret-id': secretId });
    await this.cluster.api.expectOk('DELETE', `/api/v1/namespaces/${reviewerHome}/secrets/${reviewerName}`);
    this.#reviewerToken = await makeReviewer(this.cluster);
    await this.project.expectOk('config', 'set', '--secret', 'vaultReviewerJwt', this.#reviewerToken);
    await this.up();
    return { secretId };
  }

  /** What has to be done before the key may go: the API server writes everything in plain text again, and needs no plugin. */
  async decryptSecrets(): Promise<void> {
    await this.#set('apiServer.phase', 'introduce');
    await this.up();
    await this.#controlPlane.change(await this.#outputs());
    await this.#controlPlane.leaveOff();
    await this.#set('apiServer.deletionAllowed', 'true');
    await this.up();
  }

  async #outputs(): Promise<NodeDeclaration & Readonly<Record<'roleId' | 'secretId', string>>> {
    const { stdout } = await this.project.expectOk('stack', 'output', '--show-secrets', '--json');
    const { nodeFiles, apiServerSettings, roleId, secretId } = JSON.parse(stdout);
    return { files: nodeFiles, settings: apiServerSettings.text, roleId, secretId };
  }

  /** What `value` of a Secret in the namespace of the driver is. */
  async secretValue(name: string): Promise<string> {
    const { body } = await this.cluster.api.expectOk('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
    return Buffer.from(body.data.value, 'base64').toString();
  }

  /** Names of everything in the cluster, by collection, and of what OpenBao has. */
  async inventory(): Promise<Readonly<Record<string, readonly string[]>>> {
    const found: Record<string, readonly string[]> = {};
    for (const path of collections) {
      const { body } = await this.cluster.api.expectOk('GET', path);
      const items: readonly { readonly metadata: { readonly name: string; readonly namespace?: string } }[] =
        body.items;
      found[path] = items.map(({ metadata: { namespace = '', name } }) => `${namespace}/${name}`).sort();
    }
    return { ...found, ...(await vaultOutline(this.cluster.openBao)) };
  }

  /** Status of an answer of OpenBao to the account with which keyward comes as a tenant. */
  async statusAsTenant(tenant: string, path: string): Promise<number> {
    const { api, openBao } = this.cluster;
    const account = `/api/v1/namespaces/${tenant}/serviceaccounts/volume-keys/token`;
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['vault'] } };
    const { body } = await api.expectOk('POST', account, request);
    const credentials = { role: 'csi-kubernetes', jwt: body.status.token };
    const login = await openBao.expectOk('POST', 'auth/kubernetes/login', credentials, { token: null });
    return (await openBao.request('GET', path, undefined, { token: login.body.auth.client_token })).status;
  }

  async stop(): Promise<void> {
    this.project[Symbol.dispose]();
    await this.cluster.stop();
  }
}

/** @returns the token of an account that may review others */
async function makeReviewer(cluster: ClusterBox): Promise<string> {
  const { token, objects } = reviewer(reviewerHome);
  await cluster.apply(objects, 'user');
  const path = `/api/v1/namespaces/${reviewerHome}/secrets/${token.name}`;
  const { data } = await cluster.objects.untilFound(path, (body) => body.data?.[token.key] !== undefined);
  return Buffer.from(data[token.key], 'base64').toString();
}
