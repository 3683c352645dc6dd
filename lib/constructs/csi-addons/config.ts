// The ConfigMap of the CSI-Addons operator: above all whose schedule wins. It is read once, at start.
import type { ApiObjectMetadata } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { refuseOutside } from './rotation-job-spec';

/** Props of a `CsiAddonsConfig`. */
export interface CsiAddonsConfigProps {
  /**
   * Whose schedule wins. `pvc`: the claim's, then the namespace's, then the class's. `storageclass`: the class's, and no
   * other counts. Always written, because vendors differ in what they take for the default.
   */
  readonly schedulePrecedence: 'pvc' | 'storageclass';
  /**
   * How many objects are worked on at once.
   * @default - 100, the operator's
   */
  readonly maxConcurrentReconciles?: number;
  /**
   * Hours over which the start of cron jobs is spread; 0: none. Operators up to v0.14 do not know the key and refuse to start.
   * @default - not written
   */
  readonly cronJobStaggerWindowHours?: number;
  /**
   * Metadata of the ConfigMap. The operator looks for the name `csi-addons-config` in its own namespace.
   * @default - that name, in csi-addons-system
   */
  readonly metadata?: Omit<ApiObjectMetadata, 'name'>;
}

/** The ConfigMap `csi-addons-config`. Restart the operator after a change. */
export class CsiAddonsConfig extends Construct {
  /** Name of the ConfigMap: the one that the controller reads. */
  readonly name = 'csi-addons-config';

  constructor(scope: Construct, id: string, props: CsiAddonsConfigProps) {
    super(scope, id);
    refuseOutside(props.maxConcurrentReconciles, [1, 10_000], `${this.node.path}.maxConcurrentReconciles`);
    refuseOutside(props.cronJobStaggerWindowHours, [0, 8760], `${this.node.path}.cronJobStaggerWindowHours`);
    new k8s.KubeConfigMap(this, 'Resource', this.#toKube(props));
  }

  #toKube(props: CsiAddonsConfigProps): k8s.KubeConfigMapProps {
    const { schedulePrecedence, maxConcurrentReconciles: reconciles, cronJobStaggerWindowHours: hours } = props;
    return {
      metadata: { namespace: 'csi-addons-system', ...props.metadata, name: this.name },
      data: {
        'schedule-precedence': schedulePrecedence,
        ...(reconciles !== undefined && { 'max-concurrent-reconciles': String(reconciles) }),
        ...(hours !== undefined && { 'cronjob-stagger-window': String(hours) }),
      },
    };
  }
}
