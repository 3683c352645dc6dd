/** `keyward csi --rotation`: the schedule of what this node holds, and where volumes are of the cluster, of what no node holds. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { labelName, objectName } from '../../../lib/schema/names';
import type { CsiDeps } from '../../csi/volume-calls';
import { CodedError } from '../../errors';
import type { KubernetesAccess } from '../../kubernetes/access';
import { KubernetesClient } from '../../kubernetes/client';
import { pacer } from '../pace';
import { Leadership } from './leadership';
import type { ScheduleMetrics, Scope } from './metrics';
import type { Precedence } from './precedence';
import type { Schedule } from './schedule';
import { runSchedule, type SchedulerDeps } from './scheduler';
import { heldSubjects, otherSubjects } from './subjects';

export interface RotationOptions {
  readonly precedence: Precedence;
  /** Runs that begin in a minute, of all schedules of this process. */
  readonly perMinute: number;
  /** Runs at once, of each schedule. */
  readonly parallel: number;
  readonly staggerMs: number;
  /** From one look at the claims to the next. */
  readonly intervalMs: number;
  readonly leaseMs: number;
  /** Undefined: keys are not verified. */
  readonly verifySchedule: Schedule | undefined;
  readonly access: KubernetesAccess;
  /** Of the Leases. */
  readonly namespace: string;
}

export interface RotationParts {
  readonly csi: CsiDeps;
  readonly secrets: () => Promise<Readonly<Record<string, string>>>;
  readonly metrics: ScheduleMetrics;
  readonly driverName: string;
  readonly nodeId: string;
}

export interface Rotation {
  /** Lets what is under way come to the end of its step. */
  close(): Promise<void>;
}

const remedyWhenForbidden = 'Give the service account of the driver the rules of docs/rotation.md.';

/** @throws CodedError CONFIG_INVALID. The API server need not answer yet. */
export function startRotation(parts: RotationParts, options: RotationOptions): Rotation {
  const { csi, driverName, nodeId, metrics } = parts;
  const { namespace, leaseMs, access, perMinute } = options;
  if (!labelName.safeParse(namespace).success) {
    throw new CodedError('CONFIG_INVALID', 'the namespace of the Leases is not the name of one', {
      remedy: 'Give --namespace, or set POD_NAMESPACE.',
    });
  }
  const client = new KubernetesClient({ ...access, remedyWhenForbidden });
  const closing = new AbortController();
  const wait = (ms: number) => sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined);
  const pace = pacer({ perMinute, wait });
  const { log, now } = csi.shared;
  const deps: SchedulerDeps = { ...parts, ...options, client, log, now };
  const lead = (scope: Scope, name: string, find: typeof heldSubjects) => {
    metrics.setLeads(scope, false);
    return new Leadership(client, {
      ...{ namespace, name, leaseMs, log, identity: nodeId },
      onChange: (leads) => metrics.setLeads(scope, leads),
      work: (signal) => runSchedule(deps, { ...options, scope, pace, find }, signal),
    });
  };
  const leaderships = [
    lead('node', leaseName(driverName, nodeId), heldSubjects),
    ...(csi.backEnds.reach === 'cluster' ? [lead('cluster', leaseName(driverName), otherSubjects)] : []),
  ];
  for (const each of leaderships) each.start();
  return {
    close: async () => {
      closing.abort();
      await Promise.all(leaderships.map((each) => each.close()));
      client.close();
    },
  };
}

/** Node ids are free text for CSI; with Kubernetes they are names of nodes already. */
export function leaseName(driverName: string, nodeId?: string): string {
  const name = [driverName, 'rotation', ...(nodeId === undefined ? [] : [nodeId])].join('-');
  if (objectName.safeParse(name).success) return name;
  return `${driverName}-rotation-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}
