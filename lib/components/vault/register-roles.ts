// The roles of the auth methods but AppRole, field by field as the state has them.
import type { Output } from '@pulumi/pulumi';
import { CertAuthBackendRole, jwt, kubernetes, tokenauth } from '@pulumi/vault';
import type { CertRole, JwtRole, KubernetesRole, TokenRole } from '../../vault/state';
import { childName, childOptions, namespaceOf, type VaultPlace } from './place';
import { pem, writable } from './writable';

/** The method that gets the roles. */
export interface MethodPlace {
  readonly place: VaultPlace;
  readonly path: string;
  /** The path, known once the method is there. */
  readonly backend: Output<string>;
}

/** Roles by name. */
export type Roles<Role> = Readonly<Record<string, Role>> | undefined;

/** Roles of service accounts. */
export function registerKubernetesRoles({ place, path, backend }: MethodPlace, roles: Roles<KubernetesRole>): void {
  for (const [roleName, role] of Object.entries(roles ?? {}))
    new kubernetes.AuthBackendRole(
      childName(place, 'kubernetes-role', path, roleName),
      { roleName, backend, ...writable(role), ...namespaceOf(place) },
      childOptions(place),
    );
}

/** Roles that make tokens. */
export function registerTokenRoles(place: VaultPlace, roles: Roles<TokenRole>): void {
  for (const [roleName, role] of Object.entries(roles ?? {}))
    new tokenauth.AuthBackendRole(
      childName(place, 'token-role', roleName),
      { roleName, ...writable(role), ...namespaceOf(place) },
      childOptions(place),
    );
}

/** Roles of client certificates. */
export function registerCertRoles({ place, path, backend }: MethodPlace, roles: Roles<CertRole>): void {
  for (const [name, role] of Object.entries(roles ?? {}))
    new CertAuthBackendRole(
      childName(place, 'cert-role', path, name),
      { name, backend, ...writable(role), certificate: pem(role.certificate), ...namespaceOf(place) },
      childOptions(place),
    );
}

/** Roles of JSON web tokens. The resource has a list of values as one text. */
export function registerJwtRoles({ place, path, backend }: MethodPlace, roles: Roles<JwtRole>): void {
  for (const [roleName, role] of Object.entries(roles ?? {})) {
    const { boundClaims, ...rest } = writable(role);
    const claims = Object.entries(boundClaims ?? {}).map(([claim, value]) => [claim, [value].flat().join(',')]);
    const args = { roleName, roleType: 'jwt', backend, ...rest, ...namespaceOf(place) };
    new jwt.AuthBackendRole(
      childName(place, 'jwt-role', path, roleName),
      claims.length === 0 ? args : { ...args, boundClaims: Object.fromEntries(claims) },
      childOptions(place),
    );
  }
}
