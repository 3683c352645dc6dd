// The spec that a rotation job and the template of a cron job have in common.
import { propError } from '../prop-error';

/** How a rotation job behaves. */
export interface RotationJobOptions {
  /**
   * How often a failed rotation is tried again, 1 to 60. The controller (0.14) waits 5 milliseconds at first, and twice as
   * long each time: its own six tries are over within a second, before a KMS or a driver has started again.
   * @default 20, which is more than the deadline lets happen
   */
  readonly backOffLimit?: number;
  /**
   * Seconds since its creation in which the job may be tried, 0 to 1800. A volume that nobody uses cannot be rotated by
   * ceph-csi, so it ends as failed.
   * @default 600
   */
  readonly retryDeadlineSeconds?: number;
  /**
   * Seconds that one try may take, at least 60.
   * @default - that of the operator, three minutes
   */
  readonly timeoutSeconds?: number;
}

const ranges = { backOffLimit: [1, 60], retryDeadlineSeconds: [0, 1800], timeoutSeconds: [60, 86_400] } as const;

/** The spec. Throws for a number outside what the CRD takes. */
export function rotationJobSpec(claim: string, options: RotationJobOptions, subject: string) {
  for (const [name, [lowest, highest]] of Object.entries(ranges)) {
    refuseOutside(options[name as keyof typeof ranges], [lowest, highest], `${subject}.${name}`);
  }
  const { backOffLimit = 20, retryDeadlineSeconds, timeoutSeconds } = options;
  return {
    target: { persistentVolumeClaim: claim },
    backOffLimit,
    ...(retryDeadlineSeconds !== undefined && { retryDeadlineSeconds }),
    ...(timeoutSeconds !== undefined && { timeout: timeoutSeconds }),
  };
}

/** Throws for a number that is not whole or not within the range. */
export function refuseOutside(
  value: number | undefined,
  [lowest, highest]: readonly [number, number],
  prop: string,
): void {
  if (value === undefined || (Number.isInteger(value) && value >= lowest && value <= highest)) return;
  throw propError({
    prop,
    got: String(value),
    allowed: `a whole number from ${lowest} to ${highest}`,
    remedy: 'The API server takes no other',
    rule: 'R18',
  });
}
