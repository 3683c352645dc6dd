// What manifests of vault-config-operator declare at a Vault, as the state that the rules look at.
import { FoundState } from './found-state';
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, textOf, withoutSlashes, wordsOf } from './values';

const operatorGroup = /^redhatcop\.redhat\.io\//;

/** The state; undefined without such a manifest. */
export function operatorStateOf(objects: ObjectSet): unknown {
  const found = new FoundState();
  for (const kind of Object.keys(readers)) {
    for (const object of objects.of(kind)) if (operatorGroup.test(object.apiVersion)) readers[kind]?.(found, object);
  }
  return found.state();
}

const readers: Readonly<Record<string, (found: FoundState, object: KubernetesObject) => void>> = {
  SecretEngineMount: (found, object) => {
    const type = textOf(field(object, 'type'));
    const options = field(object, 'options');
    const version = type === 'kv-v2' || at(options, 'version') === '2' ? 2 : 1;
    const isKv = type === 'kv' || type === 'kv-v2';
    found.mount(namespaceOf(object), pathAndName(object), isKv ? { type: 'kv', version } : { type });
  },
  Policy: (found, object) => {
    found.policy(namespaceOf(object), nameOf(object).toLowerCase(), textOf(field(object, 'policy')));
  },
  AuthEngineMount: (found, object) => {
    found.auth(namespaceOf(object), pathAndName(object), { type: textOf(field(object, 'type')) });
  },
  KubernetesAuthEngineConfig: (found, object) => {
    const asksWith = field(object, 'tokenReviewerServiceAccount') !== undefined;
    const mode = field(object, 'disableLocalCAJWT') === true ? 'client-token' : 'vault-own-token';
    const secret = { name: object.name, key: 'token' };
    const reviewer = asksWith ? { mode: 'reviewer-token', tokenReviewerJwt: { secret } } : { mode };
    const issuer = field(object, 'disableISSValidation') === false ? textOf(field(object, 'issuer')) : undefined;
    const kubernetesHost = textOf(field(object, 'kubernetesHost')) ?? 'https://kubernetes.default.svc';
    const config = { kubernetesHost, reviewer, ...(issuer !== undefined && { issuer }) };
    found.auth(namespaceOf(object), pathAndName(object), { type: 'kubernetes', config });
  },
  KubernetesAuthEngineRole: (found, object) => {
    const namespace = namespaceOf(object);
    const mount = withoutSlashes(textOf(field(object, 'path')) ?? 'kubernetes');
    // A selector gives namespaces that only the cluster knows.
    const namespaces = wordsOf(at(field(object, 'targetNamespaces'), 'targetNamespaces'));
    if (namespaces.length === 0) {
      found.unreadable(namespace, 'auth');
      return;
    }
    found.role(
      { namespace, mount, type: 'kubernetes', name: nameOf(object) },
      {
        boundServiceAccountNames: wordsOf(field(object, 'targetServiceAccounts') ?? ['default']),
        boundServiceAccountNamespaces: namespaces,
        audience: textOf(field(object, 'audience')),
        tokenPolicies: wordsOf(field(object, 'policies')).map((name) => name.toLowerCase()),
        tokenTtl: field(object, 'tokenTTL'),
        tokenMaxTtl: field(object, 'tokenMaxTTL'),
        tokenPeriod: field(object, 'tokenPeriod'),
        tokenType: textOf(field(object, 'tokenType')) || undefined,
      },
    );
  },
};

function field({ fields }: KubernetesObject, key: string): unknown {
  return at(fields, 'spec', key);
}

/** Namespace of the login, where the operator writes. */
function namespaceOf(object: KubernetesObject): string {
  return withoutSlashes(textOf(at(field(object, 'authentication'), 'namespace')) ?? '');
}

/** The name at the server, which the manifest may give apart from its own. */
function nameOf(object: KubernetesObject): string {
  return textOf(field(object, 'name')) || object.name;
}

function pathAndName(object: KubernetesObject): string {
  return [withoutSlashes(textOf(field(object, 'path')) ?? ''), nameOf(object)].filter(Boolean).join('/');
}
