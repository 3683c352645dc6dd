// The CSIDriver object: what the cluster may expect of the driver.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { clusterScoped } from './cluster-scoped';

/** Props of a `CsiDriverObject`. */
export interface CsiDriverObjectProps {
  /** Name of the CSI driver; the object bears it. */
  readonly driverName: string;
}

/** Tells the cluster how node-local, filesystem-owning volumes are handled. */
export class CsiDriverObject extends Construct {
  constructor(scope: Construct, id: string, props: CsiDriverObjectProps) {
    super(scope, id);
    clusterScoped(new k8s.KubeCsiDriver(this, 'Resource', this.#toKube(props)));
  }

  #toKube({ driverName }: CsiDriverObjectProps): k8s.KubeCsiDriverProps {
    return {
      metadata: { name: driverName },
      spec: {
        // Volumes are where their node is: nothing is attached, and the scheduler asks for free space per node.
        attachRequired: false,
        storageCapacity: true,
        // The kubelet sets group ownership on every mount, since only this driver makes these file systems.
        fsGroupPolicy: 'File',
        podInfoOnMount: false,
        volumeLifecycleModes: ['Persistent'],
      },
    };
  }
}
