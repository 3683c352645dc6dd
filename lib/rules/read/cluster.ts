// Everything that the rules look at, read once: objects, classes, KMS sections, workloads, the Vault.

import { decodeWith } from '../../schema/decode';
import { SchemaError, type SchemaIssue } from '../../schema/schema-error';
import { checkVaultState } from '../../vault/check';
import { vaultState } from '../../vault/namespace';
import type { VaultState } from '../../vault/state';
import { type ApiServer, apiServersOf } from './api-server';
import { type DriverConfig, driverConfigsOf } from './driver-config';
import { type KmsPluginPod, kmsPluginPodsOf } from './kms-plugin-pods';
import { type KmsConfigMap, type KmsSectionView, kmsConfigMapsOf } from './kms-sections';
import { ObjectSet } from './object-set';
import { operatorStateOf } from './operator-state';
import { type RookCluster, rookClustersOf } from './rook';
import type { RuleContext, RuleInput } from './rule-input';
import { type ClassView, classesOf } from './storage-class';
import { type Workload, workloadsOf } from './workloads';

/** A part that is read when the first rule asks for it. */
function lazy<T>(read: () => T): () => T {
  let held: { readonly value: T } | undefined;
  return () => {
    held ??= { value: read() };
    return held.value;
  };
}

/** The objects of one moment, and what they mean together. */
export class Cluster {
  readonly objects: ObjectSet;
  readonly context: RuleContext;
  /** The desired state of the Vault, if one was given, or is declared by manifests of the set, and is valid. */
  readonly vault: VaultState | undefined;
  /** Whether there may be more at the Vault than the state says. */
  readonly isVaultPartial: boolean;
  /** What is wrong with the state that was given. */
  readonly vaultIssues: readonly SchemaIssue[];
  /** The same one step earlier. */
  readonly previous: Cluster | undefined;
  /** Configurations of keyward's own driver. */
  readonly driverConfigs: () => readonly DriverConfig[];
  readonly classes: () => readonly ClassView[];
  readonly kmsConfigMaps: () => readonly KmsConfigMap[];
  readonly workloads: () => readonly Workload[];
  readonly rookClusters: () => readonly RookCluster[];
  readonly kmsPlugins: () => readonly KmsPluginPod[];
  readonly apiServers: () => readonly ApiServer[];
  readonly #sectionsById: () => ReadonlyMap<string, readonly KmsSectionView[]>;

  constructor({ objects, vault, previous, previousVault, context = {}, readYaml, vaultIsPartial }: RuleInput) {
    this.objects = new ObjectSet(objects, readYaml);
    this.context = context;
    const declared = vault ?? operatorStateOf(this.objects);
    this.isVaultPartial = vaultIsPartial ?? vault === undefined;
    [this.vault, this.vaultIssues] = stateOf(declared);
    const hasPrevious = previous !== undefined || previousVault !== undefined;
    const before = { objects: previous ?? [], vault: previousVault, context, ...(readYaml && { readYaml }) };
    this.previous = hasPrevious ? new Cluster(before) : undefined;
    this.driverConfigs = lazy(() => driverConfigsOf(this.objects));
    this.classes = lazy(() => classesOf(this.objects, this.driverConfigs()));
    this.kmsConfigMaps = lazy(() => kmsConfigMapsOf(this.objects));
    this.workloads = lazy(() => workloadsOf(this.objects));
    this.rookClusters = lazy(() => rookClustersOf(this.objects));
    this.kmsPlugins = lazy(() => kmsPluginPodsOf(this.workloads(), this.objects, readYaml));
    this.apiServers = lazy(() => apiServersOf(this.objects, this.workloads()));
    this.#sectionsById = lazy(() => grouped(this.sections()));
  }

  /** All KMS sections of all ConfigMaps. */
  sections(): readonly KmsSectionView[] {
    return this.kmsConfigMaps().flatMap(({ sections }) => sections);
  }

  /** The sections that a KMS id can mean. */
  sectionsOf(id: string): readonly KmsSectionView[] {
    return this.#sectionsById().get(id) ?? [];
  }

  /** Severity of what is harmless without real data. */
  get severityOutsideDev(): 'error' | 'warning' {
    return this.context.environment === 'dev' ? 'warning' : 'error';
  }
}

function grouped(sections: readonly KmsSectionView[]): ReadonlyMap<string, readonly KmsSectionView[]> {
  const groups = new Map<string, KmsSectionView[]>();
  for (const section of sections) groups.set(section.id, [...(groups.get(section.id) ?? []), section]);
  return groups;
}

/** A state whose parts do not fit together is looked into all the same; one of another shape is not. */
function stateOf(value: unknown): [VaultState | undefined, readonly SchemaIssue[]] {
  if (value === undefined) return [undefined, []];
  try {
    const state = decodeWith(vaultState, value, 'the state of the Vault');
    return [state, checkVaultState(state)];
  } catch (error) {
    if (error instanceof SchemaError) return [undefined, error.issues];
    throw error;
  }
}
