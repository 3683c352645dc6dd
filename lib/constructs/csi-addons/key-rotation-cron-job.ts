// Rotation of one claim's key on a schedule. The controller of CSI-Addons makes such objects from annotations and would edit
// or delete this one too, unless its state says that somebody else manages it.
import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import { settleSchedule } from '../../schema/rotation-schedule';
import { propError } from '../prop-error';
import { csiAddonsAnnotations } from './annotations';
import { type RotationJobOptions, refuseOutside, rotationJobSpec } from './rotation-job-spec';

/** Props of a `KeyRotationCronJob`. */
export interface KeyRotationCronJobProps extends RotationJobOptions {
  /** Name of the claim, in the namespace of the cron job. */
  readonly claim: string;
  /** `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly` or five fields of cron in numbers. */
  readonly schedule: string;
  /**
   * What happens when a rotation is due and the one before still runs. `Replace` is refused: with it the controller (0.14)
   * fails whenever no job runs, so that no rotation ever happens.
   * @default Forbid
   */
  readonly concurrencyPolicy?: 'Forbid' | 'Replace';
  /**
   * Whether no rotation is started. With the state `unmanaged` it is how one claim is taken out of a schedule.
   * @default false
   */
  readonly suspend?: boolean;
  /**
   * Seconds after which a rotation that was missed is not made up for.
   * @default - it always is
   */
  readonly startingDeadlineSeconds?: number;
  /**
   * Jobs that succeeded and are kept, 0 to 60.
   * @default 3
   */
  readonly successfulJobsHistoryLimit?: number;
  /**
   * Jobs that failed and are kept, 0 to 60.
   * @default 1
   */
  readonly failedJobsHistoryLimit?: number;
  /**
   * Who manages the object: `unmanaged`, this declaration; `managed`, the controller, from the annotations.
   * @default unmanaged
   */
  readonly state?: 'unmanaged' | 'managed';
  /**
   * Metadata of the cron job.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** An `EncryptionKeyRotationCronJob` of CSI-Addons. Use it or the annotations for a claim, not both. */
export class KeyRotationCronJob extends Construct {
  /** Name of the EncryptionKeyRotationCronJob. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: KeyRotationCronJobProps) {
    super(scope, id);
    this.name = new ApiObject(this, 'Resource', this.#toKube(props)).name;
  }

  #toKube(props: KeyRotationCronJobProps) {
    const subject = this.node.path;
    refuseReplace(props.concurrencyPolicy, `${subject}.concurrencyPolicy`);
    const { claim, schedule, metadata, startingDeadlineSeconds: deadline } = props;
    const { successfulJobsHistoryLimit: succeeded, failedJobsHistoryLimit: failed } = props;
    refuseOutside(succeeded, [0, 60], `${subject}.successfulJobsHistoryLimit`);
    refuseOutside(failed, [0, 60], `${subject}.failedJobsHistoryLimit`);
    refuseOutside(deadline, [0, 2 ** 31 - 1], `${subject}.startingDeadlineSeconds`);
    const state = { [csiAddonsAnnotations.state]: props.state ?? 'unmanaged' };
    return {
      apiVersion: 'csiaddons.openshift.io/v1alpha1',
      kind: 'EncryptionKeyRotationCronJob',
      metadata: { ...metadata, annotations: { ...metadata?.annotations, ...state } },
      spec: {
        schedule: settleSchedule(schedule, `${subject}.schedule`),
        concurrencyPolicy: props.concurrencyPolicy ?? 'Forbid',
        suspend: props.suspend ?? false,
        ...(deadline !== undefined && { startingDeadlineSeconds: deadline }),
        ...(succeeded !== undefined && { successfulJobsHistoryLimit: succeeded }),
        ...(failed !== undefined && { failedJobsHistoryLimit: failed }),
        jobTemplate: { spec: rotationJobSpec(claim, props, subject) },
      },
    };
  }
}

function refuseReplace(policy: KeyRotationCronJobProps['concurrencyPolicy'], prop: string): void {
  if (policy !== 'Replace') return;
  throw propError({
    prop,
    got: policy,
    allowed: 'Forbid',
    remedy: 'Leave it out: a rotation that still runs is finished, and the next one comes at its time',
    rule: 'R2',
  });
}
