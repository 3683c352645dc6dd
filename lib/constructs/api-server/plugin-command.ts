// How each plugin is told its configuration: ours by a file, vault-kubernetes-kms by flags, which everyone can read.
import type { KmsPluginConfig, KmsPluginProps } from '../../schema/kms-plugin';
import { propError } from '../prop-error';

/** The plugin that serves the socket. */
export type KmsPluginImplementation = 'keyward' | 'vault-kubernetes-kms';

/** Members of the configuration that have a flag of vault-kubernetes-kms, or are what it does anyway. */
const peerMembers = [
  'vault.address',
  'vault.namespace',
  'vault.caFile',
  'auth.method',
  'auth.mount',
  'auth.role',
  'auth.certificateFile',
  'auth.keyFile',
  'auth.bundleFile',
  'auth.tokenFile',
  'transit.mount',
  'transit.key',
  'socket.endpoint',
  'api.v1',
  'api.v2',
  'health.port',
];

/** Arguments of `keyward`. */
export function keywardArguments(configFile: string): string[] {
  return ['kms-plugin', '--config', configFile];
}

/** Arguments of vault-kubernetes-kms. Throws for what it cannot do, and for a credential that would stand in the manifest. */
export function peerArguments(subject: string, given: KmsPluginProps, config: KmsPluginConfig): string[] {
  const { vault, auth, transit, socket, api, health } = config;
  const login = authArguments(subject, auth);
  refuseUnknownMembers(subject, given);
  refuseGroup(subject, socket.gid);
  return [
    `-vault-address=${vault.address}`,
    ...(vault.namespace === '' ? [] : [`-vault-namespace=${vault.namespace}`]),
    ...(vault.caFile === undefined ? [] : [`-vault-ca-cert=${vault.caFile}`]),
    ...login,
    `-transit-mount=${transit.mount}`,
    `-transit-key=${transit.key}`,
    `-socket=${socket.endpoint}`,
    // Else a socket that a crash has left keeps it from starting again.
    '-force-socket-overwrite=true',
    `-disable-v1=${!api.v1}`,
    `-disable-v2=${!api.v2}`,
    `-health-port=${health.port}`,
  ];
}

function authArguments(subject: string, auth: KmsPluginConfig['auth']): string[] {
  switch (auth.method) {
    case 'cert':
      return [
        '-auth-method=cert',
        `-cert-mount=${auth.mount}`,
        ...flag('cert-role', auth.role),
        ...flag('cert-file', auth.certificateFile),
        ...flag('cert-key', auth.keyFile),
        ...flag('cert-pem', auth.bundleFile),
      ];
    case 'jwt':
      return [
        '-auth-method=jwt',
        `-jwt-mount=${auth.mount}`,
        `-jwt-role=${auth.role}`,
        `-jwt-token-path=${auth.tokenFile}`,
      ];
    default:
      throw propError({
        prop: `${subject}.config.auth.method`,
        got: JSON.stringify(auth.method),
        allowed: 'cert, jwt',
        remedy:
          'vault-kubernetes-kms takes this credential only as a flag or a variable, and both stand in the manifest: use the implementation "keyward", which reads files',
        rule: 'R11, trap 15',
      });
  }
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`-${name}=${value}`];
}

function refuseUnknownMembers(subject: string, given: KmsPluginProps): void {
  const members = Object.entries(given).flatMap(([section, value]) =>
    Object.keys(value ?? {}).map((member) => `${section}.${member}`),
  );
  const unknown = members.find((member) => !peerMembers.includes(member));
  if (unknown === undefined) return;
  throw propError({
    prop: `${subject}.config.${unknown}`,
    got: 'a value',
    allowed: peerMembers.join(', '),
    remedy: 'vault-kubernetes-kms has no such setting: remove it, or use the implementation "keyward"',
    rule: 'trap 9',
  });
}

/** Its socket has the mode that the umask gives, and the group of root. */
function refuseGroup(subject: string, gid: number | undefined): void {
  if (gid === undefined) return;
  throw propError({
    prop: `${subject}.implementation`,
    got: '"vault-kubernetes-kms" for an API server that does not run as root',
    allowed: 'keyward',
    remedy: 'vault-kubernetes-kms cannot open its socket to a group: use the implementation "keyward"',
    rule: 'trap 13',
  });
}
