/**
 * What the CSI sidecars and the kubelet make of a StorageClass and a claim: the same requests, from the emitted documents.
 * Sources: external-provisioner 6.3 (`pkg/controller/controller.go`), external-snapshotter 8.6, csi-addons sidecar 0.14.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  VolumeCapability_AccessMode_Mode as AccessMode,
  type CreateVolumeRequestSchema,
  type VolumeCapabilitySchema,
} from '../../runtime/grpc/gen/csi_pb';
import type { Claim } from './claim';
import type { SnapshotClass, StorageClass } from './manifests';
import type { SecretObject } from './pod-volumes';
import { resolveSecretReference, type SecretCall } from './secret-references';

export interface SidecarOptions {
  readonly storageClass: StorageClass;
  /** Needed for the secrets of snapshots only. */
  readonly snapshotClass?: SnapshotClass;
  readonly claim: Claim;
  /** The Secrets of the cluster. */
  readonly secrets: readonly SecretObject[];
  /** Whether the driver has SINGLE_NODE_MULTI_WRITER, which decides what ReadWriteOnce becomes. */
  readonly singleNodeMultiWriter: boolean;
  /** Where the pod runs, from NodeGetInfo. */
  readonly topology?: { readonly segments: Readonly<Record<string, string>> };
}

export interface SidecarRequests {
  readonly pvName: string;
  readonly capability: MessageInitShape<typeof VolumeCapabilitySchema>;
  createVolume(
    source?: MessageInitShape<typeof CreateVolumeRequestSchema>['volumeContentSource'],
  ): MessageInitShape<typeof CreateVolumeRequestSchema>;
  /** The secrets that come with a call. */
  secretsFor(call: SecretCall): Record<string, string>;
}

const reserved = 'csi.storage.k8s.io/';

/** @throws Error a reserved parameter that the provisioner does not know, a Secret that is not there. */
export function asSidecar(options: SidecarOptions): SidecarRequests {
  const { storageClass, snapshotClass, claim, secrets, topology } = options;
  const pvName = `pvc-${claim.uid}`;
  const names = { pvName, claim };
  const parameters = {
    ...Object.fromEntries(Object.entries(storageClass.parameters).filter(([key]) => !isReserved(key))),
    // What --extra-create-metadata adds.
    [`${reserved}pvc/name`]: claim.name,
    [`${reserved}pvc/namespace`]: claim.namespace,
    [`${reserved}pv/name`]: pvName,
  };
  const capability = capabilityOf(storageClass, options.singleNodeMultiWriter);
  const references = { ...storageClass.parameters, ...snapshotClass?.parameters };
  const secretsFor = (call: SecretCall) => resolveSecretReference(references, call, names, secrets);
  return {
    pvName,
    capability,
    secretsFor,
    createVolume: (source) => ({
      name: pvName,
      capacityRange: { requiredBytes: BigInt(claim.sizeBytes) },
      volumeCapabilities: [capability],
      parameters,
      secrets: secretsFor('provisioner'),
      ...(source && { volumeContentSource: source }),
      ...(topology && {
        accessibilityRequirements: { requisite: [segments(topology)], preferred: [segments(topology)] },
      }),
    }),
  };
}

function capabilityOf({ parameters, mountOptions }: StorageClass, singleNodeMultiWriter: boolean) {
  const mode = singleNodeMultiWriter ? AccessMode.SINGLE_NODE_MULTI_WRITER : AccessMode.SINGLE_NODE_WRITER;
  const value = { fsType: parameters[`${reserved}fstype`] ?? '', mountFlags: [...mountOptions] };
  return { accessMode: { mode }, accessType: { case: 'mount', value } } as const;
}

function segments({ segments: given }: NonNullable<SidecarOptions['topology']>) {
  return { segments: { ...given } };
}

function isReserved(key: string): boolean {
  if (!key.startsWith(reserved)) return false;
  const isKnown = key === `${reserved}fstype` || /-?secret-(name|namespace)$/.test(key);
  if (!isKnown) throw new Error(`the provisioner does not know the parameter ${key}`);
  return true;
}
