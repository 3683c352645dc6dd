// Talos: no file of the node is writable but those below /var, so pod and files are part of the machine configuration. The
// flag --encryption-provider-config cannot be set; from Talos 1.14 on a document of its own holds the configuration.
import { k8s } from 'cdk8s-plus-27';
import type { EncryptionConfiguration } from '../../schema/encryption-configuration';
import { propError } from '../prop-error';
import { type ApiServerAccess, featureGateFlag } from './api-server-access';
import type { NodeFile } from './node-file';

/** Group that Talos runs its API server with. */
export const talosApiServerGroup = 65_534;

/** The patch of the machine configuration: its main document, and the one with the encryption. */
export type TalosPatch = readonly [TalosMachinePatch, TalosEncryptionDocument];

/** What is merged into the main document. */
export interface TalosMachinePatch {
  /** Files on the node, and the static Pod. */
  readonly machine: {
    readonly files: readonly {
      readonly path: string;
      readonly permissions: number;
      readonly op: 'create';
      readonly content: string;
    }[];
    readonly pods: readonly unknown[];
  };
  /** Flags and mounts of the API server. */
  readonly cluster: {
    readonly apiServer: {
      readonly extraArgs?: Readonly<Record<string, string>>;
      readonly extraVolumes: readonly {
        readonly hostPath: string;
        readonly mountPath: string;
        readonly readonly: boolean;
      }[];
    };
  };
}

/** The EncryptionConfiguration as Talos takes it: without its type. */
export interface TalosEncryptionDocument {
  /** Version of the document. */
  readonly apiVersion: 'v1alpha1';
  /** Kind of the document. */
  readonly kind: 'KubeEtcdEncryptionConfig';
  /** What is encrypted, and with which providers. */
  readonly config: Pick<EncryptionConfiguration, 'resources'>;
}

/** What the patch is made of. */
export interface TalosPatchProps {
  /** How the API server reaches the configuration and the plugin. */
  readonly access: ApiServerAccess;
  /** The EncryptionConfiguration. */
  readonly encryption: EncryptionConfiguration;
  /** The static Pod of the plugin. */
  readonly pod: k8s.KubePodProps;
  /** Files that the Pod needs on the node. */
  readonly files: readonly NodeFile[];
}

/** The patch for the control-plane nodes. It takes the place of the configuration's own encryption secret. */
export function talosPatch({ access, encryption, pod, files }: TalosPatchProps): TalosPatch {
  const gates = Object.fromEntries(featureGateFlag(access));
  const { socketDirectory } = access;
  const machine: TalosMachinePatch = {
    machine: {
      files: files.map(({ path, mode, text }) => {
        return { path, permissions: Number.parseInt(mode, 8), op: 'create', content: text };
      }),
      pods: [k8s.KubePod.manifest(pod)],
    },
    cluster: {
      apiServer: {
        ...(Object.keys(gates).length > 0 && { extraArgs: gates }),
        extraVolumes: [{ hostPath: socketDirectory, mountPath: socketDirectory, readonly: true }],
      },
    },
  };
  const { resources } = encryption;
  return [machine, { apiVersion: 'v1alpha1', kind: 'KubeEtcdEncryptionConfig', config: { resources } }];
}

/** Throws for a Talos that lets nobody say how to encrypt. */
export function refuseOldTalos(subject: string, version: string | undefined): void {
  const minor = /^v?1\.(\d{1,3})(\.|$)/.exec(version ?? '')?.[1];
  if (minor !== undefined && Number(minor) >= 14) return;
  throw propError({
    prop: `${subject}.talosVersion`,
    got: JSON.stringify(version ?? null),
    allowed: '"1.14" or newer',
    remedy:
      'Older releases deny --encryption-provider-config and have no KubeEtcdEncryptionConfig: upgrade Talos first',
    rule: 'trap 9, trap 13',
  });
}
