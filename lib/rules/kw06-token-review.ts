// Trap 6: Vault asks the API server whether a token is good, and asks with a token, an issuer or an audience that fails.
import { serviceAccountTokenFile } from '../schema/names';
import type { KubernetesAuth, VaultState } from '../vault/state';
import { driversOf } from './kw05-bound-identity';
import type { Cluster } from './read/cluster';
import { annotationOf } from './read/kubernetes-object';
import { at, listOf, textOf } from './read/values';
import { roleOf, type VaultClient, vaultClientsOf } from './read/vault';
import { volumeAt, type Workload } from './read/workloads';
import type { Fault, Rule } from './rule';

const tokenSecretType = 'kubernetes.io/service-account-token';

/** The rule. */
export const tokenReview: Rule = {
  id: 'KW06',
  slug: 'token-review',
  title: 'Vault cannot review the token, or reviews it wrongly',
  severity: 'error',
  why: 'Since Kubernetes 1.21 tokens of pods end and carry another issuer. A reviewer token taken from a pod works until that pod is gone; a check of the old issuer refuses every login; a Vault outside of the cluster that uses its own token asks with one that the API server never saw; a role with an audience refuses tokens without it.',
  evidence: { known: 'reported', where: 'vault-plugin-auth-kubernetes#93 #121 #125, vault#12855 #13867' },
  remedy: 'Choose a reviewer mode that fits where Vault runs, check no issuer, and give both sides the same audience',
  checks: [
    'the reviewer token is no token of a pod: its Secret is of type kubernetes.io/service-account-token',
    'such a Secret names its service account, else nobody fills it',
    'no issuer of the time before 1.21 is checked',
    'Vault uses the token of its own pod only with an API server of its own cluster',
    'in the mode client-token the accounts of the set may review tokens (`system:auth-delegator`)',
    'the audience of the role is that of the token that is shown',
  ],
  *check(cluster) {
    for (const object of cluster.objects.of('Secret')) {
      if (at(object.fields, 'type') !== tokenSecretType) continue;
      if (annotationOf(object, 'kubernetes.io/service-account.name')) continue;
      const message = 'is missing: nobody fills a token Secret without a service account';
      yield {
        object,
        path: 'metadata.annotations["kubernetes.io/service-account.name"]',
        message,
        got: 'nothing',
        allowed: 'the name of a service account',
        remedy: 'Add the annotation',
      };
    }
    if (cluster.vault === undefined) return;
    yield* configFaults(cluster.vault, cluster);
    for (const client of vaultClientsOf(cluster)) {
      yield* audienceFaults(cluster.vault, client, cluster);
      yield* delegatorFaults(cluster.vault, client, cluster);
    }
  },
};

function* configFaults(state: VaultState, cluster: Cluster): Generator<Fault> {
  for (const [namespace, { auth = {} }] of Object.entries(state.namespaces)) {
    for (const [mount, method] of Object.entries(auth)) {
      if (method.type !== 'kubernetes') continue;
      const path = `namespaces[${JSON.stringify(namespace)}].auth[${JSON.stringify(mount)}].config`;
      yield* methodFaults(method, path, cluster);
    }
  }
}

function* methodFaults({ config }: KubernetesAuth, path: string, { objects }: Cluster): Generator<Fault> {
  const object = 'VaultState';
  const { reviewer, issuer, kubernetesHost } = config;
  if (issuer === 'kubernetes/serviceaccount') {
    const message = 'is the default of the time before Kubernetes 1.21, which tokens no longer carry';
    yield {
      object,
      path: `${path}.issuer`,
      message,
      got: JSON.stringify(issuer),
      allowed: 'nothing',
      remedy: 'Leave the issuer out',
    };
  }
  if (reviewer.mode === 'vault-own-token' && !isInCluster(kubernetesHost)) {
    const message = 'has Vault ask with the token of its own pod, but the API server is one of another cluster';
    const remedy =
      'Use client-token and bind system:auth-delegator to the accounts that log in, or give a long-lived reviewer-token';
    yield {
      object,
      path: `${path}.reviewer.mode`,
      message,
      got: reviewer.mode,
      allowed: 'client-token, reviewer-token',
      remedy,
    };
  }
  if (reviewer.mode !== 'reviewer-token') return;
  const source = reviewer.tokenReviewerJwt;
  const where = `${path}.reviewer.tokenReviewerJwt`;
  if ('file' in source) {
    if (source.file !== serviceAccountTokenFile) return;
    const message = 'is the token of the pod that applies the state: it ends with that pod';
    yield { object, path: where, message, allowed: `the token of a Secret of type ${tokenSecretType}` };
    return;
  }
  const secret = objects.find('Secret', source.secret.name, source.secret.namespace);
  if (secret === undefined || at(secret.fields, 'type') === tokenSecretType) return;
  const message = 'is in a Secret that no token controller keeps';
  yield { object, path: where, message, got: textOf(at(secret.fields, 'type')) ?? 'Opaque', allowed: tokenSecretType };
}

function isInCluster(host: string): boolean {
  const name = URL.canParse(host) ? new URL(host).hostname : '';
  return /^kubernetes(\.default(\.svc(\..+)?)?)?$/.test(name);
}

function* audienceFaults(state: VaultState, client: VaultClient, cluster: Cluster): Generator<Fault> {
  const found = roleOf(state, client);
  const settings = client.section?.settings;
  if (found === undefined || settings === undefined) return;
  const path = `${found.path}.audience`;
  if (settings.type === 'vaulttenantsa') {
    yield* audienceFault(found.role.audience, settings.audience, path, client.what);
    return;
  }
  const tokenFile = 'auth' in settings && settings.auth.method === 'kubernetes' ? settings.auth.tokenFile : undefined;
  if (tokenFile === undefined || client.section === undefined) return;
  for (const driver of driversOf(client.section, cluster)) {
    const shown = shownAudience(driver, tokenFile);
    if (shown !== undefined) yield* audienceFault(found.role.audience, shown.audience, path, driver.object.label);
  }
}

/** An API server accepts its own audience by the name of its issuer, so a role may name one where the token shows none. */
function* audienceFault(
  ofRole: string | undefined,
  ofToken: string | undefined,
  path: string,
  who: string,
): Generator<Fault> {
  if (ofToken === ofRole) return;
  if (ofToken === undefined && /kubernetes|^https:/.test(ofRole ?? '')) return;
  const message = `is not the audience of the token that ${who} shows`;
  const name = (audience: string | undefined) => (audience === undefined ? 'none' : JSON.stringify(audience));
  yield {
    object: 'VaultState',
    path,
    message,
    got: name(ofRole),
    allowed: name(ofToken),
    remedy: 'Give role and token the same audience, or neither',
  };
}

/** The audience of the token at a path of the pod; undefined where the manifest does not show the token. */
function shownAudience(driver: Workload, file: string): { readonly audience: string | undefined } | undefined {
  for (const container of driver.containers) {
    const volume = volumeAt(driver, container, file);
    for (const source of listOf(at(volume, 'projected', 'sources'))) {
      const token = at(source, 'serviceAccountToken');
      if (token !== undefined && at(token, 'path') === file.split('/').at(-1))
        return { audience: textOf(at(token, 'audience')) };
    }
  }
  return undefined;
}

function* delegatorFaults(state: VaultState, client: VaultClient, cluster: Cluster): Generator<Fault> {
  const found = roleOf(state, client);
  if (found?.auth.config.reviewer.mode !== 'client-token' || client.section === undefined) return;
  // There the accounts of the tenants log in, and not the driver's.
  if (client.kind === 'vaulttenantsa') return;
  const bound = new Set(
    cluster.objects
      .of('ClusterRoleBinding')
      .filter(({ fields }) => at(fields, 'roleRef', 'name') === 'system:auth-delegator')
      .flatMap(({ fields }) => listOf(at(fields, 'subjects')))
      .map((subject) => `${textOf(at(subject, 'namespace')) ?? ''}/${textOf(at(subject, 'name')) ?? ''}`),
  );
  // Without any such binding in the set, it may be kept elsewhere.
  if (bound.size === 0) return;
  for (const { object, serviceAccount } of driversOf(client.section, cluster)) {
    if (bound.has(`${object.namespace ?? ''}/${serviceAccount}`)) continue;
    const message = `logs in with a token that reviews itself, but its service account ${serviceAccount} may not review tokens`;
    yield {
      object,
      path: 'spec',
      message,
      allowed: [...bound].join(', '),
      remedy: 'Bind system:auth-delegator to the service account',
    };
  }
}
