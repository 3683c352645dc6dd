// A KMS plugin before it becomes a Pod or a service: settled, checked, and with the places that follow from it.
import { type KmsPluginConfig, type KmsPluginProps, settleKmsPluginConfig } from '../../schema/kms-plugin';
import { labelName } from '../../schema/names';
import { propError } from '../prop-error';
import { type NodeFile, yamlFile } from './node-file';
import { type KmsPluginRisk, refusePlugin } from './plugin-refusals';
import { socketDirectory } from './plugin-socket';

/** What a plugin is, wherever it runs. */
export interface KmsPluginOptions {
  /** Its configuration. Credentials are files in the directory, never values. */
  readonly config: KmsPluginProps;
  /**
   * Directory on each node for the configuration and the credentials, and the only one beside that of the socket that the
   * plugin sees.
   * @default /etc/keyward/kms-plugin
   */
  readonly directory?: string;
  /**
   * Name of the plugin on the node: of its configuration file and of its Pod or service.
   * @default kms-plugin
   */
  readonly name?: string;
  /**
   * Group that the API server runs with, if it does not run as root: the socket is opened to it. Talos: 65534.
   * @default - only root may connect
   */
  readonly apiServerGroup?: number;
  /**
   * How long a secret id lives by the AppRole's `secret_id_ttl`; 0 is for ever.
   * @default 0
   */
  readonly secretIdTtlSeconds?: number;
  /**
   * Whether something replaces the file of the secret id before it ends.
   * @default false
   */
  readonly secretIdIsRotated?: boolean;
  /**
   * Risks that are taken.
   * @default - none
   */
  readonly risks?: readonly KmsPluginRisk[];
}

/** A plugin as it will run: its configuration, settled and checked, and what follows from it. */
export interface KmsPluginPlan {
  readonly name: string;
  readonly config: KmsPluginConfig;
  readonly configFile: NodeFile;
  readonly directory: string;
  readonly socketDirectory: string;
}

/** Settles and checks. Throws a SchemaError for the configuration, and for traps 8, 11 and 13. */
export function kmsPluginPlan(subject: string, options: KmsPluginOptions): KmsPluginPlan {
  const { directory = '/etc/keyward/kms-plugin', name = 'kms-plugin', risks = [], apiServerGroup } = options;
  refuseNoLabel(subject, name);
  const config = settleKmsPluginConfig(withGroup(options.config, apiServerGroup));
  refuseForeignOwner(subject, config);
  const { secretIdTtlSeconds = 0, secretIdIsRotated = false } = options;
  refusePlugin({ subject, config, directory, risks, secretIdTtlSeconds, secretIdIsRotated });
  return {
    name,
    config,
    directory,
    configFile: yamlFile(`${directory}/${name}-config.yaml`, config),
    socketDirectory: socketDirectory(`${subject}.config.socket`, config.socket.endpoint),
  };
}

/** A member of the group may give its own socket to it without any capability. */
function withGroup(config: KmsPluginProps, group: number | undefined): KmsPluginProps {
  return group === undefined ? config : { ...config, socket: { mode: '0660', gid: group, ...config.socket } };
}

/** The owner of a socket cannot be changed without capabilities, and its group can. */
function refuseForeignOwner(subject: string, { socket }: KmsPluginConfig): void {
  if ((socket.uid ?? 0) === 0) return;
  throw propError({
    prop: `${subject}.config.socket.uid`,
    got: String(socket.uid),
    allowed: '0',
    remedy: 'The plugin runs without the right to change owners: give apiServerGroup instead',
    rule: 'trap 13',
  });
}

function refuseNoLabel(subject: string, name: string): void {
  if (labelName.safeParse(name).success) return;
  throw propError({
    prop: `${subject}.name`,
    got: JSON.stringify(name),
    allowed: 'a DNS-1123 label',
    remedy: 'It names a Pod, a file and a service: use lower-case letters, digits and "-"',
  });
}
