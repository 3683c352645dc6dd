/** stacks/gitops on the cluster in a box: its values, and what is done by hand. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { App } from 'cdk8s';
import { declareFolders } from '../../stacks/gitops/folders';
import { declareApiServer, writeNodes } from '../../stacks/gitops/nodes';
import { delivery, namespace, storage } from '../../stacks/gitops/values';
import { bindBootstrapRole } from '../harness/bootstrap-role';
import type { ClusterBoxOptions } from '../harness/cluster-box';
import type { AppliedManifest } from '../harness/server-side-apply';
import { ControlPlane, drawCredentials, type NodeDeclaration } from './control-plane';
import { apiServerOf } from './encrypted-secrets';
import { reviewer, StorageScene, secret, startCluster } from './storage-scene';

/** How OpenBao, which is outside of the cluster, reaches its API server. */
const kubernetesHost = 'https://kubernetes.default.svc';

export class GitopsScene extends StorageScene {
  /** Builds the images, boots the cluster and does what docs/gitops.md leaves to be done by hand; the stack is not applied. */
  static async start(options?: ClusterBoxOptions): Promise<GitopsScene> {
    const scene = new GitopsScene(await startCluster(options));
    await scene.prepareByHand();
    return scene;
  }

  /** Applies the stack, and resolves when OpenBao is ready for it and the driver runs. */
  async applyStack(): Promise<void> {
    const { cluster } = this;
    for (const objects of this.declared().values()) await cluster.apply(objects);
    const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    await cluster.objects.untilFound(jobs, ({ items }) => items.length === 1 && items[0].status.succeeded === 1);
    await this.untilDriverReady();
    await this.untilRegistered();
  }

  /**
   * Has the API server encrypt with the files that the stack writes for nodes; the Job has made OpenBao ready. The passphrase is
   * another afterwards: what was written before is in the files of etcd as it was.
   * @returns the passphrases before and after
   */
  async encryptSecrets(): Promise<{ readonly plain: string; readonly encrypted: string }> {
    const { cluster } = this;
    const path = `/api/v1/namespaces/${namespace}/secrets/storage-passphrase`;
    const { body } = await cluster.api.expectOk('GET', path);
    const plain = Buffer.from(body.data.encryptionPassphrase, 'base64').toString();
    const outdir = cluster.makeFolder('stack');
    writeNodes(outdir, declareApiServer(new App(), apiServerOf(cluster)));
    const controlPlane = new ControlPlane(cluster);
    await controlPlane.encrypt(readNodes(outdir), await drawCredentials(cluster, 'auth/approle/role/kms'));
    const encrypted = randomBytes(24).toString('hex');
    await cluster.apply([secret('storage-passphrase', { encryptionPassphrase: encrypted })], 'user');
    return { plain, encrypted };
  }

  /** The role of the Job at OpenBao, the token with which OpenBao reviews, its CA, and the passphrase of the class that has one. */
  async prepareByHand(): Promise<void> {
    const { api, openBao } = this.cluster;
    const { caPem, token } = api.access;
    await this.makeNamespaces('billing', 'shop', namespace);
    const account = { name: 'keyward-vault-keyward', namespace };
    await bindBootstrapRole(openBao, { url: kubernetesHost, caPem, token }, account);
    const secrets = [
      secret('vault-ca', { cert: openBao.caPem }),
      secret('storage-passphrase', { encryptionPassphrase: randomBytes(24).toString('hex') }),
    ];
    await this.cluster.apply([...reviewer(namespace).objects, ...secrets], 'user');
  }

  /** What the stack emits for the storage, in the order in which it is applied; OpenBao is elsewhere and has a token of its own. */
  declared(): ReadonlyMap<string, readonly AppliedManifest[]> {
    const login = {
      kubernetesHost,
      kubernetesCaCert: this.cluster.api.access.caPem,
      reviewer: { mode: 'reviewer-token', tokenReviewerJwt: { secret: reviewer(namespace).token } },
    } as const;
    const values = this.values();
    const app = new App();
    const folders = declareFolders(app, {
      namespace,
      apiServer: declareApiServer(app, apiServerOf(this.cluster)),
      delivery: { path: delivery.path },
      storage: { ...values, vaultState: { ...values.vaultState, login } },
    });
    return folders as ReadonlyMap<string, readonly AppliedManifest[]>;
  }

  /** What this cluster is to have. */
  protected values(): typeof storage {
    return { ...storage, driver: { ...storage.driver, admin: true } as typeof storage.driver };
  }
}

/** The folder `nodes` as an administrator finds it. */
function readNodes(outdir: string): NodeDeclaration {
  const folder = join(outdir, 'nodes');
  const root = join(folder, 'root');
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((file) => ({ path: `/${relative(root, file)}`, text: readFileSync(file, 'utf8') }));
  return { files, settings: readFileSync(join(folder, 'kubeadm.yaml'), 'utf8') };
}
