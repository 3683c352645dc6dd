// A PodDisruptionBudget for the controller of ceph-csi, without which no claim is provisioned, grown or deleted while its nodes
// are drained. Its node plugin needs none, and neither does keyward's driver: both are DaemonSets, which a drain leaves
// alone, and a budget could only keep a drain from ending.
import type { ApiObjectMetadata } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';

/** Props of a `CephCsiDisruptionBudget`. */
export interface CephCsiDisruptionBudgetProps {
  /**
   * Labels of the controller's pods.
   * @default - app: csi-rbdplugin-provisioner, as in the manifests of ceph-csi and Rook
   */
  readonly podLabels?: Readonly<Record<string, string>>;
  /**
   * Pods that may be missing at once.
   * @default 1
   */
  readonly maxUnavailable?: number;
  /**
   * Metadata of the budget. It belongs into the namespace of ceph-csi.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** A PodDisruptionBudget for the controller of ceph-csi. */
export class CephCsiDisruptionBudget extends Construct {
  /** Name of the PodDisruptionBudget. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: CephCsiDisruptionBudgetProps = {}) {
    super(scope, id);
    this.name = new k8s.KubePodDisruptionBudget(this, 'Resource', this.#toKube(props)).name;
  }

  #toKube({ podLabels, maxUnavailable = 1, metadata }: CephCsiDisruptionBudgetProps): k8s.KubePodDisruptionBudgetProps {
    return {
      metadata: { ...metadata },
      spec: {
        selector: { matchLabels: { ...(podLabels ?? { app: 'csi-rbdplugin-provisioner' }) } },
        maxUnavailable: k8s.IntOrString.fromNumber(maxUnavailable),
        // A pod that does not get ready anyway must not keep a node from being drained.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    };
  }
}
