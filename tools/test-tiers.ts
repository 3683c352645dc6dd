/** The tiers of tests, which are Jest's projects, and the real components that each needs. */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { cephBoxComponents } from './cluster/components';
import type { ToolName } from './components';

const SERVERS = ['openbao', 'etcd', 'kube-apiserver', 'openssl'] as const satisfies readonly ToolName[];
const CEPH = ['ceph-mon', 'ceph-osd', 'ceph-mgr', 'ceph', 'rbd-nbd'] as const satisfies readonly ToolName[];
const CLUSTER = [
  'kube-controller-manager',
  'csi-provisioner',
  'csi-resizer',
  'csi-snapshotter',
  'snapshot-controller',
] as const satisfies readonly ToolName[];
const CSI_ADDONS = ['csi-addons-manager', 'csi-addons-sidecar'] as const satisfies readonly ToolName[];
const PULUMI = ['pulumi', 'pulumi-language-nodejs', 'pulumi-resource-vault'] as const satisfies readonly ToolName[];

const TIERS = {
  unit: [],
  conformance: ['csi-sanity', 'pykmip', 'moto', ...SERVERS],
  integration: ['cryptsetup', 'kms-baseline', 'kms-load', ...CEPH, ...CLUSTER, ...CSI_ADDONS, ...PULUMI, ...SERVERS],
  kernel: ['csi-sanity', 'pykmip', 'moto', ...CEPH, ...CSI_ADDONS, ...SERVERS],
  system: ['csi-sanity', 'cryptsetup', ...SERVERS],
  e2e: [
    ...cephBoxComponents,
    'csi-provisioner',
    'csi-resizer',
    'csi-snapshotter',
    'kubectl',
    // Takes minutes to build, and only the long form runs it.
    ...(process.env.KEYWARD_LONG_TESTS === '1' ? (['csi-attacher'] as const) : []),
    ...PULUMI,
  ],
} as const satisfies Record<string, readonly ToolName[]>;

export type Tier = keyof typeof TIERS;

/** All tiers, fastest first. */
export const TIER_NAMES = Object.keys(TIERS) as Tier[];

/** Tiers whose tests open encrypted volumes and so need a kernel with dm-crypt, the host's or a guest's. */
export const KERNEL_TIERS: readonly Tier[] = ['kernel', 'system', 'e2e'];

/**
 * Tiers that one run of Jest takes together, in the order in which the runs begin. Two of them go on at a time: the guests of
 * `kernel` keep one processor busy for the most part, and those of `e2e`, which have servers beside them, come when one has ended.
 */
export function groupsOf(tiers: readonly Tier[]): readonly (readonly Tier[])[] {
  const only = (name: Tier) => tiers.filter((tier) => tier === name);
  const others = tiers.filter((tier) => tier !== 'kernel' && tier !== 'e2e');
  return [others, only('kernel'), only('e2e')].filter((group) => group.length > 0);
}

export function isTier(name: string): name is Tier {
  return Object.hasOwn(TIERS, name);
}

/** Components that the tests of these tiers start or call. */
export function toolsOf(tiers: readonly Tier[]): readonly ToolName[] {
  return [...new Set<ToolName>(tiers.flatMap((tier) => [...TIERS[tier]]))];
}

/** Those of `tiers` that have a test file matching one of `patterns` (regular expressions on the path, as Jest takes them). */
export function tiersWithFiles(root: string, tiers: readonly Tier[], patterns: readonly string[]): readonly Tier[] {
  const expressions = patterns.map((pattern) => new RegExp(pattern, 'i'));
  const matches = (path: string) =>
    expressions.length === 0 ||
    expressions.some((expression) => expression.test(path) || expression.test(relative(root, path)));
  return tiers.filter((tier) => testFiles(join(root, 'test', tier)).some(matches));
}

function testFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name));
}
