// The written types of the KMS plugin's logins. Secrets are files, read at each login; a file that is not named must come by a
// flag or variable of the plugin.
import type { WithDefaults } from './written-type';

/** How the plugin logs in to Vault or OpenBao. */
export type KmsPluginAuth =
  | KmsPluginTokenAuth
  | KmsPluginAppRoleAuth
  | KmsPluginCertAuth
  | KmsPluginJwtAuth
  | KmsPluginKubernetesAuth
  | KmsPluginUserpassAuth;

/** The same as a declaration writes it: what has a default may be left out. */
export type KmsPluginAuthProps =
  | KmsPluginTokenAuth
  | WithDefaults<KmsPluginAppRoleAuth, 'mount' | 'secretIdWrapped'>
  | WithDefaults<KmsPluginCertAuth, 'mount'>
  | WithDefaults<KmsPluginJwtAuth, 'mount' | 'tokenFile'>
  | WithDefaults<KmsPluginKubernetesAuth, 'mount' | 'tokenFile'>
  | WithDefaults<KmsPluginUserpassAuth, 'mount'>;

/** No login: a periodic orphan token. */
export interface KmsPluginTokenAuth {
  /** The method. */
  readonly method: 'token';
  /**
   * File with the token.
   * @default - the token comes by a flag or variable of the plugin
   */
  readonly tokenFile?: string;
}

/** Login by AppRole. */
export interface KmsPluginAppRoleAuth {
  /** The method. */
  readonly method: 'approle';
  /**
   * Mount path of the auth method.
   * @default approle
   */
  readonly mount: string;
  /**
   * The role id, which is no secret.
   * @default - it is in roleIdFile
   */
  readonly roleId?: string;
  /**
   * File with the role id.
   * @default - it is given as roleId
   */
  readonly roleIdFile?: string;
  /**
   * File with the secret id.
   * @default - it comes by a flag or variable of the plugin
   */
  readonly secretIdFile?: string;
  /**
   * The secret id is a wrapping token, to be unwrapped once.
   * @default false
   */
  readonly secretIdWrapped: boolean;
}

/** Login by a TLS certificate: two files, or one bundle. */
export interface KmsPluginCertAuth {
  /** The method. */
  readonly method: 'cert';
  /**
   * Mount path of the auth method.
   * @default cert
   */
  readonly mount: string;
  /**
   * Role that trusts the certificate.
   * @default - the server tries all roles
   */
  readonly role?: string;
  /**
   * File with certificate and chain as PEM.
   * @default - it is in bundleFile
   */
  readonly certificateFile?: string;
  /**
   * File with the key as PEM.
   * @default - it is in bundleFile
   */
  readonly keyFile?: string;
  /**
   * One file with certificate and key as PEM.
   * @default - they are two files
   */
  readonly bundleFile?: string;
}

/** Login by a signed token. */
export interface KmsPluginJwtAuth {
  /** The method. */
  readonly method: 'jwt';
  /**
   * Mount path of the auth method.
   * @default jwt
   */
  readonly mount: string;
  /** Role to log in as. */
  readonly role: string;
  /**
   * File with the signed token.
   * @default /var/run/secrets/kubernetes.io/serviceaccount/token
   */
  readonly tokenFile: string;
}

/** Login by the token of a service account. */
export interface KmsPluginKubernetesAuth {
  /** The method. */
  readonly method: 'kubernetes';
  /**
   * Mount path of the auth method.
   * @default kubernetes
   */
  readonly mount: string;
  /** Role to log in as. */
  readonly role: string;
  /**
   * File with the token of the service account.
   * @default /var/run/secrets/kubernetes.io/serviceaccount/token
   */
  readonly tokenFile: string;
}

/** Login by user name and password. */
export interface KmsPluginUserpassAuth {
  /** The method. */
  readonly method: 'userpass';
  /**
   * Mount path of the auth method.
   * @default userpass
   */
  readonly mount: string;
  /** Name of the user. */
  readonly username: string;
  /**
   * File with the password.
   * @default - it comes by a flag or variable of the plugin
   */
  readonly passwordFile?: string;
}
