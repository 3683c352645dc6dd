/**
 * What people see of a run on the claim: a condition that says how it is now, and an event when something happened. Neither
 * is needed for the next run, so that a report that fails never fails the run.
 */
import type { CodedError } from '../../errors';
import { type KubernetesClient, path } from '../../kubernetes/client';
import type { Log } from '../../log';
import type { Claim, ClaimCondition } from './claims';

export type Operation = 'rotate' | 'verify';

/** Types of the conditions on the claim. */
const conditionTypes = {
  rotate: 'keyward.io/KeyRotated',
  verify: 'keyward.io/KeyVerified',
} as const satisfies Record<Operation, string>;

export interface ConditionValue {
  /** `Unknown`: nothing was due yet. */
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word: `OK`, `Scheduled`, or the code of docs/errors.md. */
  readonly reason: string;
  readonly message: string;
}

export interface EventValue {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface ReportDeps {
  readonly client: KubernetesClient;
  readonly driverName: string;
  readonly nodeId: string;
  readonly log: Log;
  readonly now: () => Date;
}

export function conditionOf(claim: Claim, operation: Operation): ClaimCondition | undefined {
  return claim.conditions.find(({ type }) => type === conditionTypes[operation]);
}

/** Never throws. @returns the claim as it is now. */
export async function setCondition(
  deps: ReportDeps,
  claim: Claim,
  operation: Operation,
  value: ConditionValue,
): Promise<Claim> {
  const present = conditionOf(claim, operation);
  const now = withoutFraction(deps.now());
  const lastTransitionTime = present?.status === value.status ? (present.lastTransitionTime ?? now) : now;
  const condition = {
    ...value,
    message: cut(value.message),
    type: conditionTypes[operation],
    lastProbeTime: now,
    lastTransitionTime,
  };
  const others = claim.conditions.filter(({ type }) => type !== condition.type);
  await orLogged(deps, claim, () =>
    deps.client.request({
      method: 'PATCH',
      path: `${claimPath(claim)}/status`,
      // Merges by type: what the kubelet and the resizer note stays. The uid keeps off a claim that was made anew.
      contentType: 'application/strategic-merge-patch+json',
      body: { metadata: { uid: claim.uid }, status: { conditions: [condition] } },
    }),
  );
  return { ...claim, conditions: [...others, condition] };
}

/** Never throws. */
export function emitEvent(deps: ReportDeps, claim: Claim, { type, reason, message }: EventValue): Promise<void> {
  const { namespace, name, uid } = claim;
  const at = withoutFraction(deps.now());
  return orLogged(deps, claim, () =>
    deps.client.request({
      method: 'POST',
      path: path(['api', 'v1', 'namespaces', namespace, 'events']),
      body: {
        metadata: { namespace, generateName: `${name.slice(0, 200)}.` },
        involvedObject: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
        ...{ type, reason, message: cut(message), count: 1, firstTimestamp: at, lastTimestamp: at },
        source: { component: deps.driverName, host: deps.nodeId },
        reportingComponent: deps.driverName,
        reportingInstance: deps.nodeId,
      },
    }),
  );
}

/** As it is written everywhere: code, what is wrong, what to do. */
export function textOf({ code, summary }: CodedError): string {
  return `${code}: ${summary}`;
}

async function orLogged(deps: ReportDeps, { pvName }: Claim, request: () => Promise<unknown>): Promise<void> {
  try {
    await request();
  } catch (error) {
    deps.log.warn('the claim of a volume could not be told of its key', { error, detail: pvName });
  }
}

function claimPath({ namespace, name }: Claim): string {
  return path(['api', 'v1', 'namespaces', namespace, 'persistentvolumeclaims', name]);
}

/** Kubernetes takes 1024 characters of an event. */
function cut(message: string): string {
  return message.length <= 1000 ? message : `${message.slice(0, 999)}…`;
}

/** As the type Time of Kubernetes is written. */
function withoutFraction(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, 'Z');
}
