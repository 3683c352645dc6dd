// Encryption of the API server's objects, from the object `apiServer` of the configuration.
import type { Config } from '@pulumi/pulumi';
import * as z from 'zod';
import { type EncryptionProvider, SchemaError } from '../../lib';
import type { NodeFile } from '../../lib/cdk8s';
import type { ApiServerKmsArgs } from '../../lib/pulumi';

/** What the stack declares for the API server. */
export interface ApiServerValues {
  readonly args: ApiServerKmsArgs;
  /** Whether Pulumi refuses to delete anything of it at the Vault: the key, and what the plugin logs in with. */
  readonly protect: boolean;
  /** Further files of the control-plane nodes. */
  readonly files: readonly NodeFile[];
}

const common = {
  distribution: z.enum(['kubeadm', 'rke2', 'k3s', 'talos']),
  kubernetesVersion: z.string(),
  talosVersion: z.string().exactOptional(),
  previous: z.array(z.custom<EncryptionProvider>((it) => typeof it === 'object' && it !== null)).exactOptional(),
  vaultAddress: z.string().exactOptional(),
  deletionAllowed: z.boolean().exactOptional(),
};
const settings = z.discriminatedUnion('phase', [
  z.strictObject({ ...common, phase: z.literal('introduce') }),
  z.strictObject({ ...common, phase: z.literal('encrypt') }),
  z.strictObject({
    ...common,
    phase: z.literal('enforce'),
    migration: z.strictObject({ completedOn: z.string(), from: z.array(z.string()) }),
  }),
]);

/** Undefined where the object is empty. Throws a SchemaError for one that is not as docs/pulumi.md says. */
export function readApiServer(config: Config): ApiServerValues | undefined {
  const written = config.requireObject<Readonly<Record<string, unknown>>>('apiServer');
  if (Object.keys(written).length === 0) return undefined;
  const { vaultAddress, deletionAllowed = false, ...encryption } = decode(written);
  const { distribution } = encryption;
  // Nothing but /var is writable there.
  const directory = distribution === 'talos' ? '/var/lib/keyward/kms-plugin' : '/etc/keyward/kms-plugin';
  const pem = config.require('vaultCaCert');
  const caFile = `${directory}/ca.pem`;
  // Policies and roles have no mount of their own: two clusters at one Vault must not share a name.
  const name = `${config.require('vaultBackendPath').replaceAll('/', '-')}-etcd`;
  // Without key and login nobody reads etcd again: the `protect` of the stack, which is false by default, does not lift this.
  const protect = config.requireBoolean('protect') || !deletionAllowed;
  return {
    protect,
    files: pem === '' ? [] : [{ path: caFile, mode: '0644', text: pem }],
    args: {
      ...encryption,
      vault: { address: vaultAddress ?? config.require('vaultAddress'), ...(pem !== '' && { caFile }) },
      transit: { mount: name },
      auth: {
        method: 'approle',
        mount: name,
        roleIdFile: `${directory}/role-id`,
        secretIdFile: `${directory}/secret-id`,
      },
      ...(config.requireBoolean('manageVault') && { vaultState: { name, protect, key: { deletionAllowed } } }),
    },
  };
}

function decode(written: unknown): z.output<typeof settings> {
  const { success, data, error } = settings.safeParse(written);
  if (success) return data;
  throw new SchemaError(
    'the configuration of the stack',
    error.issues.map(({ path, message }) => ({
      path: ['apiServer', ...path].join('.'),
      message: `is wrong: ${message}`,
      remedy: 'write it as the table in docs/pulumi.md says',
    })),
  );
}
