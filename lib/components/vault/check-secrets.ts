// What the state cannot hold must be given beside it, for exactly the things that want it; and what Pulumi cannot look up
// must be in it.
import { propError } from '../../constructs/prop-error';
import type { KubernetesAuth, VaultState } from '../../vault/state';

/** Names of what is given, by address: path of the method (and role) below its namespace. */
export interface GivenSecrets {
  readonly reviewerJwts: readonly string[];
  readonly secretIdsFor: readonly string[];
}

/**
 * Throws for an address that the state does not have, for a reviewer mode that wants a token or a CA and gets none, and for a
 * token that no mode wants.
 */
export function checkSecrets(state: VaultState, { reviewerJwts, secretIdsFor }: GivenSecrets): void {
  const methods = kubernetesMethods(state);
  refuseUnknown('reviewerJwts', 'an auth method of type kubernetes', reviewerJwts, [...methods.keys()]);
  refuseUnknown('secretIdsFor', 'a role of an auth method of type approle', secretIdsFor, appRoles(state));
  for (const [address, { config }] of methods) {
    const { mode } = config.reviewer;
    if ((mode === 'reviewer-token') !== reviewerJwts.includes(address)) throw wrongReviewer(address, mode);
    if (mode !== 'vault-own-token' && config.kubernetesCaCert === undefined) throw missingCa(address, mode);
  }
}

function kubernetesMethods({ namespaces }: VaultState): ReadonlyMap<string, KubernetesAuth> {
  return new Map(
    Object.entries(namespaces).flatMap(([namespace, { auth = {} }]) =>
      Object.entries(auth).flatMap(([path, method]) =>
        method.type === 'kubernetes' ? [[addressIn(namespace, path), method] as const] : [],
      ),
    ),
  );
}

/** Roles of AppRole by address. */
export function appRoles({ namespaces }: VaultState): readonly string[] {
  return Object.entries(namespaces).flatMap(([namespace, { auth = {} }]) =>
    Object.entries(auth).flatMap(([path, method]) =>
      method.type === 'approle'
        ? Object.keys(method.roles ?? {}).map((role) => addressIn(namespace, `${path}/${role}`))
        : [],
    ),
  );
}

function addressIn(namespace: string, path: string): string {
  return namespace === '' ? path : `${namespace}/${path}`;
}

function refuseUnknown(prop: string, what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((address) => !known.includes(address));
  if (unknown === undefined) return;
  throw propError({
    prop: `VaultState.${prop}`,
    got: JSON.stringify(unknown),
    allowed: known.length === 0 ? 'nothing' : known.map((it) => JSON.stringify(it)).join(', '),
    remedy: `Name ${what} that the state has, led by its namespace`,
  });
}

function wrongReviewer(address: string, mode: string): Error {
  const needs = mode === 'reviewer-token';
  return propError({
    prop: `VaultState.reviewerJwts["${address}"]`,
    got: needs ? 'nothing' : 'a token',
    allowed: needs ? 'the long-lived token of the reviewer, a secret Output' : `nothing in mode ${mode}`,
    remedy: needs
      ? 'Give the token of the reviewer: Pulumi reads no file and no Secret that the state names'
      : 'Leave it out, or declare mode reviewer-token',
    rule: 'R4',
  });
}

/** The server takes the CA of its own pod only in the mode that uses its own token. */
function missingCa(address: string, mode: string): Error {
  return propError({
    prop: `VaultState: kubernetesCaCert of auth/${address}`,
    got: 'nothing',
    allowed: `the CA of the API server as PEM, in mode ${mode}`,
    remedy: 'Give the certificate of kube-root-ca.crt, which every namespace has',
    rule: 'R4',
  });
}
