// The annotations by which CSI-Addons makes rotation jobs of its own: on a claim, a namespace or a StorageClass.
import { csiAddonsAnnotations } from '../../schema/rotation-annotations';
import { settleSchedule } from '../../schema/rotation-schedule';

export { csiAddonsAnnotations };

/** What the annotations say. */
export interface KeyRotationSchedule {
  /**
   * When keys are rotated: `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly` or five fields of cron in numbers.
   * @default - nothing is said here; CSI-Addons looks at the next place
   */
  readonly schedule?: string;
  /**
   * False switches rotation off for the claim, all claims of the namespace, or all of the class. CSI-Addons reads it only
   * with the precedence `pvc`.
   * @default true
   */
  readonly enabled?: boolean;
}

/** The same for a namespace. */
export interface NamespaceKeyRotationSchedule extends KeyRotationSchedule {
  /**
   * Drivers to wait for.
   * @default - none
   */
  readonly drivers?: readonly string[];
}

/**
 * Annotations for the metadata of a PersistentVolumeClaim or a StorageClass.
 * Throws a SchemaError for a schedule that cannot be read, of which CSI-Addons would silently make `@weekly`.
 */
export function keyRotationAnnotations({ schedule, enabled }: KeyRotationSchedule): Readonly<Record<string, string>> {
  return {
    ...(schedule !== undefined && {
      [csiAddonsAnnotations.schedule]: settleSchedule(schedule, 'the schedule of key rotation'),
    }),
    ...(enabled === false && { [csiAddonsAnnotations.enable]: 'false' }),
  };
}

/** Annotations for the metadata of a Namespace. Throws as `keyRotationAnnotations` does. */
export function namespaceKeyRotationAnnotations({
  drivers,
  ...schedule
}: NamespaceKeyRotationSchedule): Readonly<Record<string, string>> {
  return {
    ...keyRotationAnnotations(schedule),
    ...(drivers !== undefined && drivers.length > 0 && { [csiAddonsAnnotations.drivers]: drivers.join(',') }),
  };
}
