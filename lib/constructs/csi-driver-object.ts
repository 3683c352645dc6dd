// The CSIDriver object: what the cluster may expect of the driver.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { clusterScoped } from './cluster-scoped';

/** Props of a `CsiDriverObject`. */
export interface CsiDriverObjectProps {
  /** Name of the CSI driver; the object bears it. */
  readonly driverName: string;
  /**
   * From where a volume can be used: the node that holds it, or every node of the cluster.
   * @default node
   */
  readonly reach?: 'node' | 'cluster';
  /**
   * Whether Kubernetes attaches volumes before a node stages them, which needs csi-attacher. It can never be changed.
   * @default false
   */
  readonly attachRequired?: boolean;
}

/** Tells the cluster how volumes are handled whose file systems the driver owns. */
export class CsiDriverObject extends Construct {
  constructor(scope: Construct, id: string, props: CsiDriverObjectProps) {
    super(scope, id);
    clusterScoped(new k8s.KubeCsiDriver(this, 'Resource', this.#toKube(props)));
  }

  #toKube({ driverName, reach = 'node', attachRequired = false }: CsiDriverObjectProps): k8s.KubeCsiDriverProps {
    return {
      metadata: { name: driverName },
      spec: {
        // The driver has nothing to do for an attachment: Kubernetes would only keep count of it.
        attachRequired,
        // Where volumes are files of a node, the scheduler asks for free space per node.
        storageCapacity: reach === 'node',
        // The kubelet sets group ownership on every mount, since only this driver makes these file systems.
        fsGroupPolicy: 'File',
        // The driver learns the namespace of the Pod: a key of a tenant serves no other.
        podInfoOnMount: true,
        volumeLifecycleModes: ['Persistent'],
      },
    };
  }
}
