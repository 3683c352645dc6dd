// Who may ask the API server whether a pod's token is good, for Vault's Kubernetes auth (R4). Vault's side of the same three
// modes is `reviewer` in its desired state.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { clusterScoped } from './cluster-scoped';
import { propError } from './prop-error';

/** A service account. */
export interface ServiceAccountRef {
  /** Name of the service account. */
  readonly name: string;
  /** Namespace of the service account. */
  readonly namespace: string;
}

/** Props of a `TokenReviewer`. */
export type TokenReviewerProps =
  | {
      /** Vault runs in this cluster and shows the token of its own pod. */
      readonly mode: 'vault-own-token';
      /** The service account of Vault's pods. */
      readonly vault: ServiceAccountRef;
      readonly name?: string;
    }
  | {
      /** Each token that logs in reviews itself. */
      readonly mode: 'client-token';
      /** The service accounts that log in. */
      readonly clients: readonly ServiceAccountRef[];
      readonly name?: string;
    }
  | {
      /** Vault is elsewhere and shows a long-lived token, which lasts as long as its Secret. */
      readonly mode: 'reviewer-token';
      /**
       * Name of the service account, its Secret and the binding.
       * @default vault-token-reviewer
       */
      readonly name?: string;
      /** Namespace of the service account and its Secret. */
      readonly namespace: string;
    };

/** Names are those of the objects in the cluster, so two reviewers of one cluster need two names. */
const defaultName = 'vault-token-reviewer';

/** The accounts that may review tokens, and nothing beyond. */
export class TokenReviewer extends Construct {
  /** The accounts that are bound to `system:auth-delegator`. */
  readonly accounts: readonly ServiceAccountRef[];
  /**
   * Where the long-lived token is; only in the mode `reviewer-token`. The cluster fills in the Secret, and Vault's desired
   * state names it as `tokenReviewerJwt`.
   */
  readonly token: { readonly name: string; readonly namespace: string; readonly key: 'token' } | undefined;

  constructor(scope: Construct, id: string, props: TokenReviewerProps) {
    super(scope, id);
    const { name = defaultName } = props;
    this.accounts = accountsOf(props, name);
    if (this.accounts.length === 0) throw noClients(this.node.path);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' };
    const subjects = this.accounts.map((account) => ({ kind: 'ServiceAccount', ...account }));
    this.token = props.mode === 'reviewer-token' ? this.#addAccount(name, props.namespace) : undefined;
    clusterScoped(new k8s.KubeClusterRoleBinding(this, 'Binding', { metadata: { name }, roleRef, subjects }));
  }

  /** The token of a pod would die with the pod; this one lives until its Secret is deleted (trap 6). */
  #addAccount(name: string, namespace: string) {
    const metadata = { name, namespace };
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata, automountServiceAccountToken: false });
    const annotations = { 'kubernetes.io/service-account.name': name };
    const type = 'kubernetes.io/service-account-token';
    new k8s.KubeSecret(this, 'Token', { metadata: { ...metadata, annotations }, type });
    return { name, namespace, key: 'token' } as const;
  }
}

function accountsOf(props: TokenReviewerProps, name: string): readonly ServiceAccountRef[] {
  switch (props.mode) {
    case 'vault-own-token':
      return [{ name: props.vault.name, namespace: props.vault.namespace }];
    case 'client-token':
      return props.clients.map((client) => ({ name: client.name, namespace: client.namespace }));
    case 'reviewer-token':
      return [{ name, namespace: props.namespace }];
  }
}

function noClients(subject: string): Error {
  return propError({
    prop: `${subject}.clients`,
    got: 'none',
    allowed: 'the service accounts that log in to Vault',
    remedy: 'Name each of them, or choose the mode "reviewer-token"',
    rule: 'R4, trap 6',
  });
}
