// What keeps a KMS plugin from starting before the API server, or from living as long as the cluster.
import { posix } from 'node:path';
import type { KmsPluginConfig } from '../../schema/kms-plugin';
import { propError } from '../prop-error';

/** Risks that are taken only by name. */
export type KmsPluginRisk =
  /** Talk to Vault without TLS. */
  | 'plain-http'
  /** Take any certificate for Vault's. */
  | 'any-certificate'
  /** Vault runs in the cluster whose API server needs it: after a cold start neither comes up without help. */
  | 'vault-in-this-cluster';

/** What is checked. */
export interface PluginRefusalProps {
  /** The construct, to name it in an error. */
  readonly subject: string;
  readonly config: KmsPluginConfig;
  /** Directory of the configuration and the credentials. */
  readonly directory: string;
  readonly risks: readonly KmsPluginRisk[];
  readonly secretIdTtlSeconds: number;
  readonly secretIdIsRotated: boolean;
}

/** Throws for traps 8, 11 and 13. */
export function refusePlugin(props: PluginRefusalProps): void {
  refuseUntrustedVault(props);
  refuseClusterOfItsOwn(props);
  refuseNoCredential(props);
  refuseMortalCredential(props);
  refuseUnmounted(props);
}

function refuseUntrustedVault({ subject, config: { vault }, risks }: PluginRefusalProps): void {
  const { protocol, hostname } = new URL(vault.address);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol === 'http:' && !isLoopback && !risks.includes('plain-http')) {
    throw propError({
      prop: `${subject}.config.vault.address`,
      got: vault.address,
      allowed: 'https://host:port',
      remedy:
        'The token and every key would cross the network in clear: use TLS, or take the risk "plain-http" by name',
      rule: 'trap 8',
    });
  }
  if (vault.insecureSkipVerify && !risks.includes('any-certificate')) {
    throw propError({
      prop: `${subject}.config.vault.insecureSkipVerify`,
      got: 'true',
      allowed: 'false',
      remedy: 'Give caFile or serverName, or take the risk "any-certificate" by name',
      rule: 'trap 8',
    });
  }
}

function refuseClusterOfItsOwn({ subject, config: { vault, auth }, risks }: PluginRefusalProps): void {
  if (auth.method === 'kubernetes') {
    throw propError({
      prop: `${subject}.config.auth.method`,
      got: '"kubernetes"',
      allowed: 'token, approle, cert, jwt, userpass',
      remedy:
        'A static Pod has no service account, and the API server that reviews its token waits for it: use approle',
      rule: 'trap 13',
    });
  }
  const { hostname } = new URL(vault.address);
  const isService = /\.svc(\.|$)|\.cluster\.local\.?$/.test(hostname);
  if (isService && !risks.includes('vault-in-this-cluster')) {
    throw propError({
      prop: `${subject}.config.vault.address`,
      got: vault.address,
      allowed: 'an address outside of the cluster',
      remedy:
        'The API server waits for Vault and Vault for the API server, and the node does not resolve names of services: move Vault out, or take the risk "vault-in-this-cluster" by name',
      rule: 'trap 13',
    });
  }
}

/** What each login cannot do without. A credential is a file: the manifest and its flags are read by everyone. */
function refuseNoCredential({ subject, config: { auth } }: PluginRefusalProps): void {
  const missing = missingCredential(auth);
  if (missing === undefined) return;
  throw propError({
    prop: `${subject}.config.auth`,
    got: `${auth.method} without ${missing}`,
    allowed: `${auth.method} with ${missing}`,
    remedy: 'Name the file: the plugin would not start',
    rule: 'R11',
  });
}

function missingCredential(auth: KmsPluginConfig['auth']): string | undefined {
  switch (auth.method) {
    case 'token':
      return auth.tokenFile === undefined ? 'tokenFile' : undefined;
    case 'approle':
      return auth.roleId === undefined && auth.roleIdFile === undefined ? 'roleId or roleIdFile' : undefined;
    case 'cert': {
      const hasPair = auth.certificateFile !== undefined && auth.keyFile !== undefined;
      return hasPair || auth.bundleFile !== undefined ? undefined : 'certificateFile and keyFile, or bundleFile';
    }
    case 'userpass':
      return auth.passwordFile === undefined ? 'passwordFile' : undefined;
    case 'jwt':
    case 'kubernetes':
      return undefined;
  }
}

function refuseMortalCredential(props: PluginRefusalProps): void {
  const { subject, config, secretIdTtlSeconds, secretIdIsRotated } = props;
  if (config.auth.method !== 'approle' || secretIdIsRotated) return;
  if (secretIdTtlSeconds > 0) {
    throw propError({
      prop: `${subject}.secretIdTtlSeconds`,
      got: String(secretIdTtlSeconds),
      allowed: '0, or any with secretIdIsRotated',
      remedy:
        'The plugin reads the file at each login: have something replace it before it ends, and say secretIdIsRotated',
      rule: 'trap 11',
    });
  }
  if (config.auth.secretIdWrapped) {
    throw propError({
      prop: `${subject}.config.auth.secretIdWrapped`,
      got: 'true',
      allowed: 'false, or true with secretIdIsRotated',
      remedy:
        'A wrapping token opens once, so the next login fails: put the secret id itself there, or replace the file',
      rule: 'trap 11',
    });
  }
}

function refuseUnmounted({ subject, config, directory }: PluginRefusalProps): void {
  const outside = filesOf(config).find(([, path]) => posix.relative(directory, posix.normalize(path)).startsWith('..'));
  if (outside) {
    throw propError({
      prop: `${subject}.config.${outside[0]}`,
      got: JSON.stringify(outside[1]),
      allowed: `a path in ${directory}`,
      remedy: 'Only that directory is mounted: put the file there',
      rule: 'trap 13',
    });
  }
}

/** Members that name a file or folder, with what they name. */
function filesOf({ vault, auth }: KmsPluginConfig): (readonly [string, string])[] {
  const members = [...Object.entries(vault).map(of('vault')), ...Object.entries(auth).map(of('auth'))];
  return members.flatMap(([member, value]) =>
    /(File|Directory)$/.test(member) && typeof value === 'string' ? [[member, value] as const] : [],
  );
}

function of(section: string) {
  return ([member, value]: [string, unknown]) => [`${section}.${member}`, value] as const;
}
