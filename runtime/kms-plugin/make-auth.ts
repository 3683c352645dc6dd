/** From the settings of a login to the login. What a method lacks is said here, where files and given values meet. */
import { CodedError } from '../errors';
import { Secret } from '../secret';
import { appRoleAuth } from '../vault/auth/approle';
import type { VaultAuth } from '../vault/auth/auth';
import { certAuth } from '../vault/auth/cert';
import { type Credential, credentialInFile, givenCredential } from '../vault/auth/credential';
import { givenTokenAuth } from '../vault/auth/given-token';
import { jwtAuth } from '../vault/auth/jwt';
import { kubernetesAuth } from '../vault/auth/kubernetes';
import { pacedAuth } from '../vault/auth/paced';
import { tokenAuth } from '../vault/auth/token';
import { userpassAuth } from '../vault/auth/userpass';
import type { OriginOptions } from '../vault/http';
import type { PluginSettings } from './settings/resolve';

/** @throws CodedError CONFIG_INVALID when the method has no credential. */
export function makeAuth({ config, given }: PluginSettings, origin: OriginOptions): VaultAuth {
  const { auth } = config;
  const { namespace } = config.vault;
  switch (auth.method) {
    case 'token': {
      if (auth.tokenFile !== undefined)
        return paced(tokenAuth({ tokenFile: auth.tokenFile, namespace }), auth.tokenFile);
      if (!given.token) throw missing('token', '--token-file');
      return pacedAuth(givenTokenAuth({ token: given.token, namespace }), []);
    }
    case 'approle': {
      const roleId = one(auth.roleIdFile, auth.roleId && Secret.fromText(auth.roleId), 'the role id');
      if (!roleId) throw missing('role id', '--approle-role-id or --approle-role-id-file');
      const secretId = one(auth.secretIdFile, given.secretId, 'the secret id');
      const { mount: mountPath, secretIdWrapped: secretIdIsWrapped } = auth;
      const options = { mountPath, namespace, roleId, secretIdIsWrapped, ...(secretId && { secretId }) };
      return pacedAuth(appRoleAuth(options), [roleId, ...(secretId ? [secretId] : [])]);
    }
    case 'cert': {
      const [certificateFile, keyFile] = [auth.certificateFile ?? auth.bundleFile, auth.keyFile ?? auth.bundleFile];
      if (certificateFile === undefined || keyFile === undefined) {
        throw missing('certificate with a key', '--cert-file and --cert-key, or --cert-pem');
      }
      const certificate = credentialInFile(certificateFile, 'the client certificate');
      const key = credentialInFile(keyFile, 'the key of the client certificate');
      const { mount: mountPath, role } = auth;
      const options = { mountPath, namespace, certificate, key, origin, ...(role !== undefined && { role }) };
      return pacedAuth(certAuth(options), [certificate, key]);
    }
    case 'jwt': {
      const token = credentialInFile(auth.tokenFile, 'the signed token');
      return pacedAuth(jwtAuth({ mountPath: auth.mount, namespace, role: auth.role, token }), [token]);
    }
    case 'kubernetes':
      return paced(kubernetesAuth({ ...auth, mountPath: auth.mount, namespace }), auth.tokenFile);
    case 'userpass': {
      const password = one(auth.passwordFile, given.password, 'the password');
      if (!password) throw missing('password', '--userpass-password-file');
      const { mount: mountPath, username } = auth;
      return pacedAuth(userpassAuth({ mountPath, namespace, username, password }), [password]);
    }
  }
}

function one(file: string | undefined, given: Secret | '' | undefined, what: string): Credential | undefined {
  if (file !== undefined) return credentialInFile(file, what);
  return given ? givenCredential(given) : undefined;
}

function paced(auth: VaultAuth, file: string): VaultAuth {
  return pacedAuth(auth, [credentialInFile(file, 'the credential')]);
}

function missing(what: string, flags: string): CodedError {
  return new CodedError('CONFIG_INVALID', `the login to Vault has no ${what}`, {
    remedy: `Give it with ${flags}, the variable of that name, or in the configuration file.`,
  });
}
