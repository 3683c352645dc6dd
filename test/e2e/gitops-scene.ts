/** stacks/gitops on the cluster in a box: its values, and what is done by hand. */
import { randomBytes } from 'node:crypto';
import { App } from 'cdk8s';
import { declareFolders } from '../../stacks/gitops/folders';
import { delivery, namespace, storage } from '../../stacks/gitops/values';
import { bindBootstrapRole } from '../harness/bootstrap-role';
import type { AppliedManifest } from '../harness/server-side-apply';
import { reviewer, StorageScene, secret, startCluster } from './storage-scene';

/** How OpenBao, which is outside of the cluster, reaches its API server. */
const kubernetesHost = 'https://kubernetes.default.svc';

export class GitopsScene extends StorageScene {
  /** Builds the images, boots the cluster and does what docs/gitops.md leaves to be done by hand; the stack is not applied. */
  static async start(): Promise<GitopsScene> {
    const scene = new GitopsScene(await startCluster());
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
    const values: typeof storage = {
      ...storage,
      driver: { ...storage.driver, admin: true } as typeof storage.driver,
      vaultState: { ...storage.vaultState, login },
    };
    const folders = declareFolders(new App(), { namespace, delivery: { path: delivery.path }, storage: values });
    return folders as ReadonlyMap<string, readonly AppliedManifest[]>;
  }
}
