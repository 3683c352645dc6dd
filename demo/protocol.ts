/** What the two halves of the demo tell each other, and what `--json` prints. Nothing here may ever carry key material. */

/** The steps in their order. `phase` is the part of the flow picture to which a step belongs. */
export const steps = [
  { name: 'start', phase: 'configure', title: 'Start the driver from the synthesised documents' },
  { name: 'create', phase: 'create', title: 'Create a volume and its key' },
  { name: 'stage', phase: 'stage', title: 'Format with LUKS2, open, make the file system, mount' },
  { name: 'publish', phase: 'stage', title: 'Publish the volume into a pod' },
  { name: 'write', phase: 'stage', title: 'Write a file with a known marker' },
  { name: 'look', phase: 'stage', title: 'Look for the marker on the disk' },
  { name: 'expand', phase: 'stage', title: 'Expand the volume while it is in use' },
  { name: 'snapshot', phase: 'create', title: 'Snapshot the mounted volume and restore it' },
  { name: 'clone', phase: 'create', title: 'Clone the mounted volume' },
  { name: 'compare', phase: 'stage', title: 'Mount both copies and compare' },
  { name: 'kill', phase: 'rotate', title: 'Kill the driver in the middle of a key rotation' },
  { name: 'recover', phase: 'rotate', title: 'Start it again and repeat the call' },
  { name: 'rotate', phase: 'rotate', title: 'Rotate the key once more, try all old keys' },
  { name: 'restage', phase: 'rotate', title: 'Close the volume and open it with the new key' },
  { name: 'search', phase: 'rotate', title: 'Search processes, files and logs for the keys' },
  { name: 'unstage', phase: 'delete', title: 'Take all volumes off the node' },
  { name: 'delete', phase: 'delete', title: 'Delete volumes and snapshot, look for their keys' },
  { name: 'stop', phase: 'delete', title: 'Stop the driver' },
] as const;

export type StepName = (typeof steps)[number]['name'];

/** What is proven, each by observation from outside of the driver. */
export const proofs = {
  headerAsDeclared: 'The LUKS2 header is what the StorageClass declares',
  plaintextNotOnDisk: 'What the pod writes is not on the disk',
  expandedInUse: 'The volume grew while it was in use',
  copiesIntact: 'Snapshot and clone hold the same data',
  copiesHaveOwnKeys: 'Snapshot and clone have keys of their own',
  survivesKill: 'A kill -9 in the middle of a rotation harms nothing',
  oldKeyRejected: 'After the rotation the old key opens nothing',
  readableWithNewKey: 'The data opens with the new key',
  noKeyInTheOpen: 'No key in arguments, environment, files or logs',
  nothingLeftOnNode: 'Unstaging leaves nothing on the node',
  keysGone: 'Deleting removes the keys',
} as const satisfies Record<string, string>;

export type ProofName = keyof typeof proofs;
export const proofNames = Object.keys(proofs) as readonly ProofName[];

/** One gRPC call as the demo made it. */
export interface CallRecord {
  readonly step: StepName;
  readonly rpc: string;
  readonly status: string;
  readonly ms: number;
}

/** What a document says beside what was found on the disk. */
export interface Comparison {
  readonly setting: string;
  readonly declared: string;
  readonly found: string;
}

/** The same place seen through the opened volume and on the disk below it, in hexadecimal. */
export interface Evidence {
  readonly offsetBytes: number;
  readonly throughMapping: string;
  readonly onDisk: string;
}

/** One line of the inner program's standard output. */
export type DemoEvent =
  | { readonly type: 'environment'; readonly kernel: string; readonly versions: Readonly<Record<string, string>> }
  | { readonly type: 'driver'; readonly version: string }
  | { readonly type: 'started'; readonly step: StepName }
  | {
      readonly type: 'ended';
      readonly step: StepName;
      readonly ok: boolean;
      readonly ms: number;
      readonly detail: string;
    }
  | { readonly type: 'call'; readonly call: CallRecord }
  | { readonly type: 'comparison'; readonly rows: readonly Comparison[] }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  | { readonly type: 'proof'; readonly proof: ProofName; readonly ok: boolean; readonly observed: string }
  | { readonly type: 'failed'; readonly message: string };

export interface StepResult {
  readonly name: StepName;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail: string;
}

/** How the demo ran: on this kernel, in a guest with its own, or not at all. */
export type DemoMode = 'native' | 'guest' | 'none';

export interface DemoResult {
  /** All steps done and every proof holds. */
  readonly ok: boolean;
  readonly mode: DemoMode;
  /** Of the machine where the volumes were. */
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly startedAt: string;
  readonly totalMs: number;
  readonly steps: readonly StepResult[];
  /** False also for what was not reached. */
  readonly proofs: Readonly<Record<ProofName, boolean>>;
  /** What was seen, for each proof that was reached. */
  readonly observations: Readonly<Partial<Record<ProofName, string>>>;
  readonly calls: readonly CallRecord[];
  readonly comparison: readonly Comparison[];
  readonly evidence?: Evidence;
  /** Why it ended early. */
  readonly error?: string;
}
