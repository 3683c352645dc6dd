// How old the keys of a class may grow: noted at the class, held against its schedule, and watched by an alert.
import { maximumKeyAgeAnnotation } from '../schema/names';
import { longestPauseDays, settleSchedule } from '../schema/rotation-schedule';
import { propError } from './prop-error';

/** What a class says of the age of its keys. */
export interface KeyAgeProps {
  /**
   * When the keys of the volumes are rotated, by CSI-Addons or by the driver (`rotation`): `@weekly` and the like, or five
   * fields of cron in numbers.
   * @default - the class says nothing; a claim or a namespace may
   */
  readonly keyRotation?: string;
  /**
   * Days that a key may grow old. `KeywardAlertRules` watches it for the classes that it is given.
   * @default - no limit
   */
  readonly maximumKeyAgeDays?: number;
}

/** The annotations. Throws for an age that is none, and for a schedule whose pauses are longer. */
export function keyAgeAnnotations(
  { keyRotation, maximumKeyAgeDays: maximum }: KeyAgeProps,
  subject: string,
): Readonly<Record<string, string>> {
  if (maximum === undefined) return {};
  const prop = `${subject}.maximumKeyAgeDays`;
  if (!Number.isInteger(maximum) || maximum < 1) {
    throw propError({
      prop,
      got: String(maximum),
      allowed: 'whole days, at least 1',
      remedy: 'Write for example 90',
      rule: 'R2',
    });
  }
  const pause = keyRotation === undefined ? 0 : longestPauseDays(settleSchedule(keyRotation, `${subject}.keyRotation`));
  if (pause !== undefined && pause <= maximum) return { [maximumKeyAgeAnnotation]: String(maximum) };
  throw propError({
    prop,
    got: `${maximum}, with the schedule ${keyRotation}, whose longest pause is ${pause === undefined ? 'for ever' : `${pause} days`}`,
    allowed: 'an age above every pause of the schedule',
    remedy: 'Rotate more often, or allow an older key',
    rule: 'R2, trap 9',
  });
}
