// Ways to log in: the method, then its configuration and its roles.
import type { Input, Output, Resource } from '@pulumi/pulumi';
import { AuthBackend, jwt } from '@pulumi/vault';
import type { AuthMethod } from '../../vault/state';
import { configureKubernetes } from './kubernetes-config';
import { addressOf, childName, childOptions, namespaceOf, type VaultPlace } from './place';
import { type AppRoleIds, registerAppRoles } from './register-app-roles';
import { registerCertRoles, registerJwtRoles, registerKubernetesRoles, registerTokenRoles } from './register-roles';
import { pem } from './writable';

type Method = Exclude<AuthMethod, { readonly type: 'token' }>;

/** The methods of one namespace, as registered. */
export interface RegisteredAuth {
  readonly methods: readonly Resource[];
  /** The accessor of each method by its path: templated policies name it. */
  readonly accessors: ReadonlyMap<string, Output<string>>;
  /** By address, `NAMESPACE/PATH/ROLE`. */
  readonly appRoles: readonly (readonly [address: string, ids: AppRoleIds])[];
}

/** What the state does not hold, by address. */
export interface AuthSecrets {
  /** Long-lived tokens of the methods that use one. */
  readonly reviewerJwts: Readonly<Record<string, Input<string>>>;
  /** Roles of AppRole that get a secret id. */
  readonly secretIdsFor: readonly string[];
}

/** Registers the auth methods of a namespace. */
export function registerAuth(place: VaultPlace, { reviewerJwts, secretIdsFor }: AuthSecrets): RegisteredAuth {
  const methods: Resource[] = [];
  const accessors = new Map<string, Output<string>>();
  const appRoles: (readonly [string, AppRoleIds])[] = [];
  for (const [path, declared] of Object.entries(place.declared.auth ?? {})) {
    if (declared.type === 'token') {
      // The method is always there.
      registerTokenRoles(place, declared.roles);
      continue;
    }
    const method = declared.type === 'jwt' ? registerJwt(place, path, declared) : registerMethod(place, path, declared);
    methods.push(method);
    accessors.set(path, method.accessor);
    // As an Output, so that what uses it waits for the method.
    const backend = method.urn.apply(() => path);
    switch (declared.type) {
      case 'kubernetes':
        configureKubernetes(place, path, { backend, declared, reviewerJwt: reviewerJwts[addressOf(place, path)] });
        registerKubernetesRoles({ place, path, backend }, declared.roles);
        break;
      case 'approle':
        appRoles.push(...registerAppRoles({ place, path, backend }, declared.roles, secretIdsFor));
        break;
      case 'cert':
        registerCertRoles({ place, path, backend }, declared.roles);
        break;
      case 'jwt':
        registerJwtRoles({ place, path, backend }, declared.roles);
    }
  }
  return { methods, accessors, appRoles };
}

function registerMethod(place: VaultPlace, path: string, { type, description }: Exclude<Method, { type: 'jwt' }>) {
  const args = { type, path, ...(description !== undefined && { description }), ...namespaceOf(place) };
  return new AuthBackend(childName(place, 'auth', path), args, childOptions(place));
}

function registerJwt(place: VaultPlace, path: string, declared: Extract<Method, { type: 'jwt' }>) {
  const { type, description, config } = declared;
  const { jwtValidationPubkeys, jwksCaPem, oidcDiscoveryCaPem, ...rest } = config;
  const args = {
    ...{ type, path, ...rest, ...namespaceOf(place) },
    ...(description !== undefined && { description }),
    ...(jwtValidationPubkeys !== undefined && { jwtValidationPubkeys: jwtValidationPubkeys.map(pem) }),
    ...(jwksCaPem !== undefined && { jwksCaPem: pem(jwksCaPem) }),
    ...(oidcDiscoveryCaPem !== undefined && { oidcDiscoveryCaPem: pem(oidcDiscoveryCaPem) }),
  };
  return new jwt.AuthBackend(childName(place, 'auth', path), args, childOptions(place));
}
