// Roles of AppRole, and their secret ids. Both ids stay secret in the state of Pulumi.
import { type Output, secret } from '@pulumi/pulumi';
import { approle } from '@pulumi/vault';
import type { AppRole } from '../../vault/state';
import { addressOf, childName, childOptions, namespaceOf } from './place';
import type { MethodPlace, Roles } from './register-roles';
import { writable } from './writable';

/** What a consumer logs in with. */
export interface AppRoleIds {
  readonly roleId: Output<string>;
  /** Where one was asked for. */
  readonly secretId?: Output<string>;
}

/** Registers the roles, and a secret id for each whose address is in `secretIdsFor`. Returns the ids by address. */
export function registerAppRoles(
  method: MethodPlace,
  roles: Roles<AppRole>,
  secretIdsFor: readonly string[],
): readonly (readonly [address: string, ids: AppRoleIds])[] {
  const { place, path, backend } = method;
  return Object.entries(roles ?? {}).map(([roleName, declared]) => {
    const role = new approle.AuthBackendRole(
      childName(place, 'approle', path, roleName),
      { roleName, backend, ...writable(declared), ...namespaceOf(place) },
      childOptions(place, { additionalSecretOutputs: ['roleId'] }),
    );
    const address = addressOf(place, path, roleName);
    const roleId = secret(role.roleId);
    if (!secretIdsFor.includes(address)) return [address, { roleId }];
    return [address, { roleId, secretId: secret(issueSecretId(method, roleName, role).secretId) }];
  });
}

function issueSecretId({ place, path, backend }: MethodPlace, roleName: string, role: approle.AuthBackendRole) {
  return new approle.AuthBackendRoleSecretId(
    childName(place, 'secret-id', path, roleName),
    { backend, roleName: role.roleName, ...namespaceOf(place) },
    childOptions(place, { additionalSecretOutputs: ['secretId'] }),
  );
}
