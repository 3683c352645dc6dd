// One rotation of one claim's key, now. A job with a result is never run again: make one of another name.
import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import { type RotationJobOptions, rotationJobSpec } from './rotation-job-spec';

/** Props of a `KeyRotationJob`. */
export interface KeyRotationJobProps extends RotationJobOptions {
  /** Name of the claim, in the namespace of the job. It cannot be changed. */
  readonly claim: string;
  /**
   * Metadata of the job.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** An `EncryptionKeyRotationJob` of CSI-Addons. */
export class KeyRotationJob extends Construct {
  /** Name of the EncryptionKeyRotationJob. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: KeyRotationJobProps) {
    super(scope, id);
    this.name = new ApiObject(this, 'Resource', this.#toKube(props)).name;
  }

  #toKube({ claim, metadata, ...options }: KeyRotationJobProps) {
    return {
      apiVersion: 'csiaddons.openshift.io/v1alpha1',
      kind: 'EncryptionKeyRotationJob',
      metadata: { ...metadata },
      spec: rotationJobSpec(claim, options, this.node.path),
    };
  }
}
