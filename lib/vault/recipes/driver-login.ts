// A driver that comes as itself: by its service accounts, or with a token in a mounted file.
import type { VaultAuth } from '../../schema/kms';
import { tokenSelfAccess } from '../access';
import type { PolicyRule } from '../policy';
import {
  type KubernetesLoginProps,
  type Login,
  type ServiceAccounts,
  serviceAccountLogin,
  type TokenLoginProps,
  tokenLogin,
} from './login';

/** How long the tokens live, whichever way they are got. */
export type DriverLoginProps = KubernetesLoginProps & TokenLoginProps;

/** The role, and what the token needs for its own sake. `tokenRole` names the role where the settings name none. */
export function driverLogin(
  auth: VaultAuth,
  accounts: ServiceAccounts,
  tokenRole: string,
  props: DriverLoginProps,
): { readonly login: Login; readonly rules: readonly PolicyRule[] } {
  switch (auth.method) {
    case 'kubernetes':
      return { login: serviceAccountLogin({ path: auth.mountPath, role: auth.role }, accounts, props), rules: [] };
    case 'token':
      return { login: tokenLogin(tokenRole, props), rules: ownToken };
  }
}

/** Whoever is given a token keeps it alive: by looking up how long it lives, and by renewing it. */
export const ownToken = tokenSelfAccess(['lookup', 'renew'], 'keeps the token alive');
