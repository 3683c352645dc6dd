/** How the commands on a Vault reach it: flags, then the variables of Vault's own clients, which OpenBao spells BAO_ as well. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { serviceAccountTokenFile } from '../../lib/schema/names';
import { CodedError } from '../errors';
import { Secret } from '../secret';
import { appRoleAuth } from '../vault/auth/approle';
import type { VaultAuth } from '../vault/auth/auth';
import { credentialInFile } from '../vault/auth/credential';
import { givenTokenAuth } from '../vault/auth/given-token';
import { kubernetesAuth } from '../vault/auth/kubernetes';
import { tokenAuth } from '../vault/auth/token';
import { VaultClient } from '../vault/client';

export interface ConnectionFlags {
  readonly address?: string;
  readonly namespace?: string;
  readonly caCert?: string;
  readonly tlsServerName?: string;
  readonly tlsSkipVerify?: true;
  readonly authMethod: 'token' | 'kubernetes' | 'approle';
  readonly authMount?: string;
  readonly role?: string;
  readonly tokenFile?: string;
  readonly jwtFile: string;
  readonly roleIdFile?: string;
  readonly secretIdFile?: string;
}

export function addConnectionOptions(command: Command): Command {
  return command
    .option('--address <url>', 'address of Vault or OpenBao (VAULT_ADDR)')
    .option('--namespace <path>', 'namespace of the login, and of the state (VAULT_NAMESPACE)')
    .option('--ca-cert <file>', 'CA of the server (VAULT_CACERT)')
    .option('--tls-server-name <name>', 'name to expect in its certificate (VAULT_TLS_SERVER_NAME)')
    .option('--tls-skip-verify', 'accept any certificate: for tests only (VAULT_SKIP_VERIFY)')
    .addOption(
      new Option('--auth-method <method>', 'how to log in')
        .choices(['token', 'kubernetes', 'approle'])
        .default('token'),
    )
    .option('--auth-mount <path>', 'mount of the auth method; the name of the method when left out')
    .option('--role <name>', 'role of the kubernetes login')
    .option('--token-file <file>', 'file with the token; else VAULT_TOKEN, else ~/.vault-token')
    .option('--jwt-file <file>', 'service account token of the kubernetes login', serviceAccountTokenFile)
    .option('--role-id-file <file>', 'role id of AppRole')
    .option('--secret-id-file <file>', 'secret id of AppRole');
}

export interface Connection {
  readonly client: VaultClient;
  readonly namespace: string;
  /** What makes the connection unsafe, in words. */
  readonly warnings: readonly string[];
}

/** @throws CodedError CONFIG_INVALID, CONFIG_UNREADABLE. */
export async function connect(flags: ConnectionFlags, environment: NodeJS.ProcessEnv): Promise<Connection> {
  const address = flags.address ?? variable(environment, 'ADDR');
  if (address === undefined) throw missing('address of the server', '--address or VAULT_ADDR');
  const namespace = (flags.namespace ?? variable(environment, 'NAMESPACE') ?? '').replace(/^\/+|\/+$/g, '');
  const caFile = flags.caCert ?? variable(environment, 'CACERT');
  const serverName = flags.tlsServerName ?? variable(environment, 'TLS_SERVER_NAME');
  const verify = !(flags.tlsSkipVerify ?? isTrue(variable(environment, 'SKIP_VERIFY')));
  const tls = {
    verify,
    ...(caFile !== undefined && { caPem: await readText(caFile) }),
    ...(serverName !== undefined && { serverName }),
  };
  const auth = login(flags, namespace, environment);
  return { client: new VaultClient({ address, tls }, auth, {}), namespace, warnings: dangers(address, verify) };
}

function login(flags: ConnectionFlags, namespace: string, environment: NodeJS.ProcessEnv): VaultAuth {
  const mountPath = flags.authMount ?? flags.authMethod;
  switch (flags.authMethod) {
    case 'kubernetes': {
      if (flags.role === undefined) throw missing('role for the kubernetes login', '--role');
      return kubernetesAuth({ mountPath, role: flags.role, tokenFile: flags.jwtFile, namespace });
    }
    case 'approle': {
      if (flags.roleIdFile === undefined) throw missing('role id', '--role-id-file');
      const roleId = credentialInFile(flags.roleIdFile, 'the role id');
      const secretId = flags.secretIdFile && credentialInFile(flags.secretIdFile, 'the secret id');
      return appRoleAuth({ mountPath, namespace, roleId, ...(secretId && { secretId }) });
    }
    case 'token': {
      const token = variable(environment, 'TOKEN');
      if (flags.tokenFile === undefined && token !== undefined) {
        return givenTokenAuth({ token: Secret.fromText(token), namespace });
      }
      return tokenAuth({ tokenFile: flags.tokenFile ?? tokenOfVaultClient(), namespace });
    }
  }
}

/** Where `vault login` and `bao login` put it. */
function tokenOfVaultClient(): string {
  const file = join(homedir(), '.vault-token');
  if (existsSync(file)) return file;
  throw missing('token', '--token-file or VAULT_TOKEN, or log in with "vault login" first');
}

function variable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  return environment[`VAULT_${name}`] || environment[`BAO_${name}`] || undefined;
}

/** By the rules of Go's strconv.ParseBool, as Vault's clients read it. */
function isTrue(text: string | undefined): boolean {
  return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text ?? '');
}

/** Trap 8. */
function dangers(address: string, verify: boolean): string[] {
  const isLocal = /^http:\/\/(127\.|localhost|\[::1\])/.test(address);
  return [
    ...(address.startsWith('http://') && !isLocal
      ? ['the connection to Vault is not encrypted: the token can be read']
      : []),
    ...(verify ? [] : ['the certificate of Vault is not checked: anybody in between can read the token']),
  ];
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, {
      remedy: 'Check that the file is there and may be read.',
      cause,
    });
  });
}

function missing(what: string, how: string): CodedError {
  return new CodedError('CONFIG_INVALID', `there is no ${what}`, { remedy: `Give it with ${how}.` });
}
