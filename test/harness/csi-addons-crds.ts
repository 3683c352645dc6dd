/** The kinds that the CSI-Addons controller watches: without one of them it ends. Only those of key rotation have a schema, in test/fixtures. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubernetes } from './kubernetes';

export const addonsGroup = '/apis/csiaddons.openshift.io/v1alpha1';

interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly isClusterWide?: boolean;
}

const addons = 'csiaddons.openshift.io';
const replication = 'replication.storage.openshift.io';

const kinds: readonly Kind[] = [
  { group: addons, kind: 'CSIAddonsNode' },
  { group: addons, kind: 'ReclaimSpaceJob' },
  { group: addons, kind: 'ReclaimSpaceCronJob' },
  { group: addons, kind: 'NetworkFence', isClusterWide: true },
  { group: addons, kind: 'NetworkFenceClass', isClusterWide: true },
  { group: replication, kind: 'VolumeReplication' },
  { group: replication, kind: 'VolumeReplicationClass', isClusterWide: true },
  { group: replication, kind: 'VolumeGroupReplication' },
  { group: replication, kind: 'VolumeGroupReplicationClass', isClusterWide: true },
  { group: replication, kind: 'VolumeGroupReplicationContent', isClusterWide: true },
];

/** @returns when the API server serves them */
export async function installAddonsCrds(kubernetes: Kubernetes): Promise<void> {
  for (const kind of kinds) {
    await kubernetes.expectOk('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition(kind));
  }
  for (const { group, kind } of kinds) {
    const path = `/apis/${group}/v1alpha1/${pluralOf(kind)}`;
    while ((await kubernetes.request('GET', path)).status !== 200) await sleep(100);
  }
}

function definition({ group, kind, isClusterWide = false }: Kind) {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const plural = pluralOf(kind);
  const version = {
    name: 'v1alpha1',
    served: true,
    storage: true,
    subresources: { status: {} },
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything } } },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: isClusterWide ? 'Cluster' : 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [version],
    },
  };
}

function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  return name.endsWith('s') ? `${name}es` : `${name}s`;
}
