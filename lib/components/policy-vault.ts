// What the resources of @pulumi/vault in a stack declare at a Vault, as the state that the rules look at. Values that are
// secrets are not copied: of a reviewer's token only that there is one.
import type { PolicyResource } from '@pulumi/policy';
import { FoundState } from '../rules/read/found-state';
import { at, type Fields, textOf, withoutSlashes, wordsOf } from '../rules/read/values';
import { policyObject } from './policy-object';

/** The state; undefined for a stack without resources of a Vault. What a preview does not know yet is left open. */
export function policyVaultState(resources: readonly PolicyResource[]): unknown {
  const found = new FoundState();
  for (const resource of resources) {
    const read = readers[resource.type];
    const fields = read && policyObject(resource);
    if (typeof fields === 'object' && fields !== null) read?.(new Piece(found, resource, fields as Fields));
  }
  return found.state();
}

/** One resource, and where it goes. */
class Piece {
  readonly found: FoundState;
  readonly fields: Fields;
  readonly namespace: string;
  readonly #resource: PolicyResource;

  constructor(found: FoundState, resource: PolicyResource, fields: Fields) {
    this.found = found;
    this.fields = fields;
    this.#resource = resource;
    this.namespace = withoutSlashes(this.text('namespace') ?? '');
  }

  text(key: string): string | undefined {
    return textOf(this.fields[key]) || undefined;
  }

  /** A path, without slashes at its ends. */
  path(key: string, otherwise?: string): string | undefined {
    // Not known yet is something else than left out.
    if (this.isGiven(key) && this.text(key) === undefined) return undefined;
    const path = this.text(key) ?? otherwise;
    return path === undefined ? undefined : withoutSlashes(path);
  }

  /** Whether a property is there, known or not. */
  isGiven(key: string): boolean {
    return Object.hasOwn(this.#resource.props, key);
  }

  /** The members by these names, as the resource and the state both call them. */
  pick(...keys: readonly string[]): Fields {
    return Object.fromEntries(keys.map((key) => [key, this.fields[key]]));
  }

  /** The life of tokens, which most roles have. */
  tokenLife(): Fields {
    const { tokenPolicies, tokenType } = this.fields;
    return {
      ...this.pick('tokenTtl', 'tokenMaxTtl', 'tokenPeriod'),
      tokenPolicies: tokenPolicies === undefined ? undefined : wordsOf(tokenPolicies),
      tokenType: tokenType || undefined,
    };
  }
}

const readers: Readonly<Record<string, (piece: Piece) => void>> = {
  'vault:index/mount:Mount': (piece) => {
    const path = piece.path('path');
    if (path === undefined) {
      piece.found.unreadable(piece.namespace, 'mounts');
      return;
    }
    const type = piece.text('type');
    const version = type === 'kv-v2' || at(piece.fields, 'options', 'version') === '2' ? 2 : 1;
    const isKv = type === 'kv' || type === 'kv-v2';
    piece.found.mount(piece.namespace, path, isKv ? { type: 'kv', version } : { type });
  },
  'vault:kv/secretBackendV2:SecretBackendV2': (piece) => {
    const path = piece.path('mount');
    if (path !== undefined)
      piece.found.mount(piece.namespace, path, numbers(piece, 'maxVersions', 'deleteVersionAfter'));
  },
  'vault:transit/secretBackendKey:SecretBackendKey': (piece) => {
    const [mount, name] = [piece.path('backend'), piece.text('name')];
    if (mount === undefined || name === undefined) return;
    const fields = { ...numbers(piece, 'minDecryptionVersion'), ...piece.pick('type', 'deletionAllowed') };
    piece.found.transitKey(piece.namespace, mount, name, fields);
  },
  'vault:index/policy:Policy': (piece) => {
    const name = piece.text('name');
    if (name !== undefined) piece.found.policy(piece.namespace, name.toLowerCase(), piece.text('policy'));
  },
  'vault:index/authBackend:AuthBackend': (piece) => method(piece, piece.text('type')),
  'vault:jwt/authBackend:AuthBackend': (piece) => method(piece, piece.text('type') ?? 'jwt'),
  'vault:kubernetes/authBackendConfig:AuthBackendConfig': (piece) => {
    const path = piece.path('backend', 'kubernetes');
    if (path === undefined) return;
    const { disableLocalCaJwt, disableIssValidation } = piece.fields;
    const mode = disableLocalCaJwt === true ? 'client-token' : 'vault-own-token';
    const isShown = piece.isGiven('tokenReviewerJwt') && piece.fields.tokenReviewerJwt !== '';
    const reviewer = isShown
      ? { mode: 'reviewer-token', tokenReviewerJwt: { file: 'a secret of the stack' } }
      : { mode };
    const issuer = disableIssValidation === false ? piece.text('issuer') : undefined;
    // An address that is not known yet is that of a cluster which the stack makes: outside of it nothing is said.
    const kubernetesHost = piece.text('kubernetesHost') ?? 'https://kubernetes.default.svc';
    const config = { kubernetesHost, reviewer, ...(issuer !== undefined && { issuer }) };
    piece.found.auth(piece.namespace, path, { type: 'kubernetes', config });
  },
  'vault:kubernetes/authBackendRole:AuthBackendRole': (piece) => {
    role(piece, 'kubernetes', 'roleName', {
      boundServiceAccountNames: wordsOf(piece.fields.boundServiceAccountNames),
      boundServiceAccountNamespaces: wordsOf(piece.fields.boundServiceAccountNamespaces),
      audience: piece.text('audience'),
      ...piece.tokenLife(),
    });
  },
  'vault:appRole/authBackendRole:AuthBackendRole': (piece) => {
    role(piece, 'approle', 'roleName', { ...numbers(piece, 'secretIdTtl', 'secretIdNumUses'), ...piece.tokenLife() });
  },
  'vault:jwt/authBackendRole:AuthBackendRole': (piece) => {
    role(piece, 'jwt', 'roleName', { userClaim: piece.text('userClaim') ?? 'sub', ...piece.tokenLife() });
  },
  'vault:index/certAuthBackendRole:CertAuthBackendRole': (piece) => {
    role(piece, 'cert', 'name', { certificate: '', ...piece.tokenLife() });
  },
  'vault:tokenauth/authBackendRole:AuthBackendRole': (piece) => {
    const name = piece.text('roleName');
    if (name === undefined) return;
    const { allowedPolicies } = piece.fields;
    const place = { namespace: piece.namespace, mount: 'token', type: 'token', name };
    piece.found.auth(piece.namespace, 'token', { type: 'token' });
    piece.found.role(place, {
      ...piece.pick('orphan', 'renewable', 'tokenPeriod', 'tokenExplicitMaxTtl'),
      allowedPolicies: allowedPolicies === undefined ? undefined : wordsOf(allowedPolicies),
    });
  },
};

function method(piece: Piece, type: string | undefined): void {
  // The path of a method is its type where nothing else is said.
  const path = piece.path('path', type);
  if (path === undefined || type === undefined) piece.found.unreadable(piece.namespace, 'auth');
  else piece.found.auth(piece.namespace, path, { type });
}

function role(piece: Piece, type: string, nameKey: string, fields: Fields): void {
  const mount = piece.path('backend', type);
  const name = piece.text(nameKey);
  const isOpen = ['boundServiceAccountNames', 'boundServiceAccountNamespaces'].some(
    (key) => piece.isGiven(key) && wordsOf(piece.fields[key]).length === 0,
  );
  if (mount === undefined || name === undefined || isOpen) piece.found.unreadable(piece.namespace, 'auth');
  else piece.found.role({ namespace: piece.namespace, mount, type, name }, fields);
}

/** Numbers other than 0, which the provider also writes for what is not set. */
function numbers(piece: Piece, ...keys: readonly string[]): Fields {
  const given = Object.entries(piece.pick(...keys));
  return Object.fromEntries(given.map(([key, value]) => [key, value === 0 ? undefined : value]));
}
