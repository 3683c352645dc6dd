/** Who says when the key of a claim is rotated: the claim, its namespace or its class, in the order of CSI-Addons. Pure. */
import { csiAddonsAnnotations as names } from '../../../lib/schema/rotation-annotations';
import { parseSchedule, type Schedule } from './schedule';

export type Annotations = Readonly<Record<string, string>>;

/** `pvc`: the first of the three that has a schedule. `storageclass`: the class alone. */
export type Precedence = 'pvc' | 'storageclass';

export interface AnnotationsOfClaim {
  readonly claim: Annotations;
  readonly namespace: Annotations;
  readonly storageClass: Annotations;
}

export type Decision =
  | {
      readonly state: 'scheduled';
      readonly schedule: Schedule;
      readonly from: Place;
      /** What stood there in place of a schedule, where that is none: it counts as `@weekly`. */
      readonly unreadable?: string;
    }
  | { readonly state: 'off'; readonly reason: string };

type Place = 'claim' | 'namespace' | 'class';

const weekly = '@weekly';

export function decide(of: AnnotationsOfClaim, precedence: Precedence): Decision {
  const state = of.claim[names.state];
  // CSI-Addons has this on its cron job. Here there is none, so the claim itself says it.
  if (state !== undefined && state !== 'managed') return off(`the claim has ${names.state}: ${state.slice(0, 80)}`);
  return precedence === 'pvc' ? byClaim(of) : byClass(of.storageClass);
}

function byClaim({ claim, namespace, storageClass }: AnnotationsOfClaim): Decision {
  const places = [
    ['claim', claim],
    ['namespace', namespace],
    ['class', storageClass],
  ] as const;
  // A "true" further down does not switch on what is off above, or the other way round.
  for (const [place, annotations] of places) {
    if (annotations[names.enable] === 'false') return off(`the ${place} has ${names.enable}: false`);
  }
  for (const [from, annotations] of places) {
    const text = annotations[names.schedule];
    if (text === undefined) continue;
    const schedule = parseSchedule(text);
    return schedule ? { state: 'scheduled', schedule, from } : { ...asWeekly(from), unreadable: text };
  }
  return off('neither claim, namespace nor class has a schedule');
}

/** No default here: what CSI-Addons cannot read in a class, it leaves alone. */
function byClass(annotations: Annotations): Decision {
  if (annotations[names.enable] === 'false') return off(`the class has ${names.enable}: false`);
  const text = annotations[names.schedule] ?? '';
  const schedule = parseSchedule(text);
  if (schedule) return { state: 'scheduled', schedule, from: 'class' };
  return off(text === '' ? 'the class has no schedule' : 'the schedule of the class cannot be read');
}

function asWeekly(from: Place): Extract<Decision, { state: 'scheduled' }> {
  const schedule = parseSchedule(weekly);
  if (!schedule) throw new Error(`${weekly} is a schedule`);
  return { state: 'scheduled', schedule, from };
}

function off(reason: string): Decision {
  return { state: 'off', reason };
}
