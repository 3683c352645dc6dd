// The API server's KMS plugin, ours or vault-kubernetes-kms: one transit key, and a way to log in that a static pod can keep
// up for years (R10, traps 11 and 13).
import { type KmsPluginConfig, type KmsPluginProps, settleKmsPluginConfig } from '../../schema/kms-plugin';
import { SchemaError } from '../../schema/schema-error';
import { transitAccess } from '../access';
import type { TransitKey } from '../mounts';
import type { VaultState } from '../namespace';
import { ownToken } from './driver-login';
import { type RecipeProps, stateOf } from './grant';
import { type Login, type TokenLoginProps, tokenLogin } from './login';
import { plainPath } from './paths';

/** Props of `apiServerKmsState`. */
export interface ApiServerKmsStateProps extends RecipeProps, TokenLoginProps {
  /** The plugin's configuration. Its auth method is `approle` or `token`. */
  readonly kms: KmsPluginProps;
  /**
   * Name of the policy and of the role.
   * @default kms
   */
  readonly name?: string;
  /**
   * Settings of the transit key.
   * @default - those of the server; protected from deletion
   */
  readonly key?: TransitKey;
}

/** Seconds. The plugin renews its token at two thirds of its life, and logs in again when that fails. */
const loginPeriod = 3_600;

/** Transit engine and key, policy, auth method and role of the plugin. Throws a SchemaError for what cannot be. */
export function apiServerKmsState(props: ApiServerKmsStateProps): VaultState {
  const { name = 'kms', key = {} } = props;
  const { vault, auth, transit } = settleKmsPluginConfig(props.kms);
  const namespace = plainPath(vault.namespace);
  const access = { mountPath: transit.mount, key: transit.key, verbs: ['encrypt', 'decrypt', 'read-key'] } as const;
  const engine = {
    namespace,
    path: plainPath(transit.mount),
    mount: { type: 'transit', keys: { [transit.key]: key } },
  } as const;
  const rules = [...transitAccess({ ...access, mountPath: engine.path }), ...ownToken];
  return stateOf([{ namespace, policy: name, rules, login: loginOf(auth, name, props), engines: [engine] }], props);
}

function loginOf(auth: KmsPluginConfig['auth'], role: string, props: TokenLoginProps): Login {
  switch (auth.method) {
    case 'token':
      return tokenLogin(role, props);
    case 'approle':
      return {
        method: 'approle',
        path: plainPath(auth.mount),
        role,
        body: {
          // A secret id that ends would take the API server with it (trap 11).
          secretIdTtl: 0,
          secretIdNumUses: 0,
          tokenNoDefaultPolicy: true,
          tokenPeriod: loginPeriod,
          tokenType: 'service',
        },
      };
    default:
      throw new SchemaError('the configuration of the KMS plugin', [
        {
          path: 'auth.method',
          message: `is "${auth.method}", for which there is no recipe`,
          allowed: ['approle', 'token'],
          remedy: 'use one of them, or write the auth method and its role into a state of your own and merge it',
        },
      ]);
  }
}
