/** Finds the back end for a call, and lends the call's secrets to it and to the operation. */
import type { BackEnds, ForClass, StorageAccess } from '../device/back-ends';
import type { Secret } from '../secret';
import type { Call, SharedDeps, VolumeDeps } from '../volume/context';
import { withCall } from './request';

export interface CsiDeps {
  readonly shared: SharedDeps;
  readonly backEnds: BackEnds;
}

/** What of a request says where its volume is and who asks. */
export interface AboutVolume {
  readonly id: string;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly context?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Runs an operation on a volume or snapshot that exists, or may exist. */
export function onVolume<T>(
  { shared, backEnds }: CsiDeps,
  { id, secrets = {}, context, signal }: AboutVolume,
  operation: (deps: VolumeDeps, call: Call) => Promise<T>,
): Promise<T> {
  return withStorage(secrets, signal, async (call, access) => {
    const backEnd = await backEnds.forId(id, { ...access, ...(context && { context }) });
    return operation({ ...shared, backEnd }, call);
  });
}

/** Runs an operation for a class: there is no volume yet. */
export function forClass<T>(
  { shared, backEnds }: CsiDeps,
  parameters: Readonly<Record<string, string>>,
  { secrets = {}, signal }: Omit<AboutVolume, 'id' | 'context'>,
  operation: (deps: VolumeDeps, call: Call, otherParameters: ForClass['otherParameters']) => Promise<T>,
): Promise<T> {
  return withStorage(secrets, signal, async (call, access) => {
    const { backEnd, otherParameters } = await backEnds.forClass(parameters, access);
    return operation({ ...shared, backEnd }, call, otherParameters);
  });
}

/** The dependencies of a list, one for each back end. */
export async function onAll<T>(
  { shared, backEnds }: CsiDeps,
  secrets: Readonly<Record<string, string>>,
  operation: (deps: readonly VolumeDeps[]) => Promise<T>,
): Promise<T> {
  return withStorage(secrets, undefined, async (_call, access) => {
    const all = await backEnds.all(access);
    return operation(all.map((backEnd) => ({ ...shared, backEnd })));
  });
}

/** Zeroes what the back end took for the call, when it ends. */
function withStorage<T>(
  secrets: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
  action: (call: Call, access: StorageAccess) => Promise<T>,
): Promise<T> {
  return withCall(secrets, signal, async (call) => {
    const kept: Secret[] = [];
    const keep = (secret: Secret) => {
      kept.push(secret);
      return secret;
    };
    try {
      return await action(call, { secrets: call.secrets, keep });
    } finally {
      for (const secret of kept) secret.zero();
    }
  });
}
