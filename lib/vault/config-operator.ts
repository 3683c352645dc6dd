// A state as resources of redhat-cop's vault-config-operator (field names of v0.8.52). Not everything has a resource there:
// what has none is refused, so that nothing is left out in silence.
import { SchemaError, type SchemaIssue } from '../schema/schema-error';
import type { AuthMethod, KubernetesAuth, KubernetesRole } from './auth-methods';
import { byName } from './format';
import { toHcl } from './hcl';
import type { KvMount, TransitMount } from './mounts';
import type { VaultState } from './namespace';

/** How the operator comes to Vault, and where its resources are. */
export interface VaultConfigOperatorProps {
  /** Kubernetes namespace of the resources: of a service account that the operator logs in as. */
  readonly namespace: string;
  /**
   * How the operator logs in, in each Vault namespace of the state. That role and its auth method are made by hand.
   * @default - role `policy-admin` at `auth/kubernetes`, with the service account `default`
   */
  readonly authentication?: { readonly path?: string; readonly role?: string; readonly serviceAccount?: string };
  /**
   * Address of Vault.
   * @default - the one that the operator is deployed with
   */
  readonly address?: string;
  /**
   * Auth methods that are there already, such as the one that the operator logs in with: only their roles are written.
   * @default - none
   */
  readonly existingAuth?: readonly string[];
  /**
   * Service account, in `namespace`, whose token the reviewer mode `reviewer-token` uses. The operator requests it.
   * @default - none
   */
  readonly reviewerServiceAccount?: string;
}

/** A resource of the operator. */
export interface VaultConfigOperatorManifest {
  /** Version of the operator's API. */
  readonly apiVersion: 'redhatcop.redhat.io/v1alpha1';
  /** Kind of the resource, e.g. `Policy`. */
  readonly kind: string;
  /** Name and Kubernetes namespace. */
  readonly metadata: { readonly name: string; readonly namespace: string };
  /** What the operator is to make. */
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The state as resources, in the order of their use. Throws a SchemaError that names everything for which there is none. */
export function vaultConfigOperatorManifests(
  state: VaultState,
  props: VaultConfigOperatorProps,
): readonly VaultConfigOperatorManifest[] {
  const writer = new Writer(props);
  for (const [namespace, content] of Object.entries(state.namespaces).sort(byName)) {
    const at = writer.in(namespace);
    const inOrder = <T>(entries: Readonly<Record<string, T>> = {}) => Object.entries(entries).sort(byName);
    at.namespace();
    for (const [path, mount] of inOrder(content.mounts)) at.mount(path, mount);
    for (const [path, method] of inOrder(content.auth)) at.auth(path, method);
    for (const [name, policy] of inOrder(content.policies)) {
      // The operator knows the accessors by another placeholder.
      const text = toHcl(policy).replace(/\{\{accessor:(auth\/[^{}]+)\}\}/g, '$${$1/@accessor}');
      at.add('Policy', name, { name, type: 'acl', policy: text });
    }
    for (const [name] of inOrder(content.quotas)) at.refuse(`quotas.${name}`, 'rate limits');
    for (const [path, { type, description, options = {} }] of inOrder(content.audit)) {
      at.add('Audit', path, { path, type, ...(description !== undefined && { description }), options });
    }
  }
  return writer.finished();
}

class Writer {
  readonly #props: VaultConfigOperatorProps;
  readonly #issues: SchemaIssue[] = [];
  readonly #manifests = new Map<string, VaultConfigOperatorManifest>();

  constructor(props: VaultConfigOperatorProps) {
    this.#props = props;
  }

  in(namespace: string): NamespaceWriter {
    return new NamespaceWriter(namespace, this.#props, {
      add: (manifest) => this.#add(manifest),
      issue: (issue) => void this.#issues.push(issue),
    });
  }

  finished(): readonly VaultConfigOperatorManifest[] {
    if (this.#issues.length > 0) throw new SchemaError('the state for vault-config-operator', this.#issues);
    return [...this.#manifests.values()];
  }

  #add(manifest: VaultConfigOperatorManifest): void {
    const key = `${manifest.kind}/${manifest.metadata.name}`;
    if (this.#manifests.has(key)) {
      this.#issues.push({ path: key, message: 'would be two objects', remedy: 'rename one of what it stands for' });
    }
    this.#manifests.set(key, manifest);
  }
}

interface Sink {
  readonly add: (manifest: VaultConfigOperatorManifest) => void;
  readonly issue: (issue: SchemaIssue) => void;
}

class NamespaceWriter {
  readonly #namespace: string;
  readonly #props: VaultConfigOperatorProps;
  readonly #sink: Sink;

  constructor(namespace: string, props: VaultConfigOperatorProps, sink: Sink) {
    this.#namespace = namespace;
    this.#props = props;
    this.#sink = sink;
  }

  add(kind: string, path: string, spec: Readonly<Record<string, unknown>>, namespace = this.#namespace): void {
    const {
      address,
      authentication: { path: at = 'kubernetes', role = 'policy-admin', serviceAccount = 'default' } = {},
    } = this.#props;
    this.#sink.add({
      apiVersion: 'redhatcop.redhat.io/v1alpha1',
      kind,
      metadata: { name: objectName(this.#namespace, path), namespace: this.#props.namespace },
      spec: {
        authentication: {
          path: at,
          role,
          serviceAccount: { name: serviceAccount },
          ...(namespace !== '' && { namespace }),
        },
        ...(address !== undefined && { connection: { address } }),
        ...spec,
      },
    });
  }

  refuse(path: string, what: string, remedy = 'leave it to "keyward vault apply" or to Pulumi'): void {
    const at = `namespaces.${this.#namespace || '""'}.${path}`;
    this.#sink.issue({ path: at, message: `vault-config-operator has no resource for ${what}`, remedy });
  }

  /** Made in the namespace above. */
  namespace(): void {
    const parts = this.#namespace.split('/').filter(Boolean);
    const name = parts.at(-1);
    if (name !== undefined) this.add('Namespace', '', { name }, parts.slice(0, -1).join('/'));
  }

  mount(path: string, mount: KvMount | TransitMount): void {
    const [name = '', ...above] = path.split('/').reverse();
    const description = mount.description === undefined ? {} : { description: mount.description };
    const options = mount.type === 'kv' ? { options: { version: `${mount.version}` } } : {};
    const parent = above.length > 0 ? { path: above.reverse().join('/') } : {};
    this.add('SecretEngineMount', path, { type: mount.type, ...parent, name, ...description, ...options });
    if (mount.type === 'transit') {
      for (const key of Object.keys(mount.keys ?? {})) this.refuse(`mounts.${path}.keys.${key}`, 'transit keys');
      return;
    }
    for (const field of ['maxVersions', 'casRequired', 'deleteVersionAfter'] as const) {
      if (mount[field] !== undefined) this.refuse(`mounts.${path}.${field}`, 'the configuration of a KV engine');
    }
  }

  auth(path: string, method: AuthMethod): void {
    if (method.type !== 'kubernetes') {
      this.refuse(`auth.${path}`, `what a method of type ${method.type} needs`);
      return;
    }
    if (!this.#props.existingAuth?.includes(path)) this.#kubernetesMethod(path, method);
    for (const [role, body] of Object.entries(method.roles ?? {}).sort(byName)) {
      this.add('KubernetesAuthEngineRole', `${path}/${role}`, { path, name: role, ...roleSpec(body) });
    }
  }

  #kubernetesMethod(path: string, { description, config }: KubernetesAuth): void {
    const [name = '', ...above] = path.split('/').reverse();
    if (above.length === 0) {
      const remedy = `mount it at two parts, e.g. "k8s/${path}", or name it in existingAuth`;
      this.refuse(`auth.${path}`, 'an auth method at a path of one part', remedy);
      return;
    }
    const parent = above.reverse().join('/');
    const about = description === undefined ? {} : { description };
    this.add('AuthEngineMount', path, { type: 'kubernetes', path: parent, name, ...about });
    const { reviewer, kubernetesHost, kubernetesCaCert, issuer } = config;
    const { reviewerServiceAccount } = this.#props;
    if (reviewer.mode === 'reviewer-token' && reviewerServiceAccount === undefined) {
      const remedy = 'give reviewerServiceAccount: the operator requests the token itself (R4)';
      this.refuse(`auth.${path}.config.reviewer`, 'a token from a Secret or a file', remedy);
    }
    this.add('KubernetesAuthEngineConfig', path, {
      path: parent,
      name,
      kubernetesHost,
      ...(kubernetesCaCert !== undefined && { kubernetesCACert: kubernetesCaCert }),
      // Else the operator would put in the CA of its own cluster.
      useOperatorPodCA: false,
      disableLocalCAJWT: reviewer.mode !== 'vault-own-token',
      disableISSValidation: issuer === undefined,
      ...(issuer !== undefined && { issuer }),
      ...(reviewer.mode === 'reviewer-token' && { tokenReviewerServiceAccount: { name: reviewerServiceAccount } }),
    });
  }
}

function roleSpec(role: KubernetesRole): Readonly<Record<string, unknown>> {
  const { audience, aliasNameSource, tokenTtl, tokenMaxTtl, tokenPeriod, tokenType, tokenBoundCidrs, tokenNumUses } =
    role;
  const given = {
    audience,
    aliasNameSource,
    tokenTTL: tokenTtl,
    tokenMaxTTL: tokenMaxTtl,
    tokenPeriod,
    tokenType,
    tokenBoundCIDRs: tokenBoundCidrs,
    tokenNumUses,
    tokenNoDefaultPolicy: role.tokenNoDefaultPolicy,
  };
  return {
    targetServiceAccounts: role.boundServiceAccountNames,
    targetNamespaces: { targetNamespaces: role.boundServiceAccountNamespaces },
    policies: role.tokenPolicies ?? [],
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** A name of a Kubernetes object; two that come out alike are refused. */
function objectName(namespace: string, path: string): string {
  const text = [namespace, path].filter(Boolean).join('/').toLowerCase();
  return text.replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '');
}
