// The container images of the driver's pod, pinned to the releases whose contract the runtime was written against.

/** The container images of the driver's pod. */
export interface DriverImages {
  /** keyward itself; for volumes of Ceph in the flavour that has its tools. */
  readonly keyward: string;
  /** The sidecar csi-provisioner. */
  readonly provisioner: string;
  /** The sidecar csi-resizer. */
  readonly resizer: string;
  /** The sidecar csi-snapshotter; it runs where snapshots are wanted. */
  readonly snapshotter: string;
  /** The sidecar csi-attacher; it runs where volumes of Ceph are to be attached by Kubernetes. */
  readonly attacher: string;
  /** The sidecar of CSI-Addons; it runs where its controller is to rotate keys and reclaim space. */
  readonly csiAddons: string;
}

/** The images that are used unless the declaration gives others: the releases that the tests run. */
export const defaultImages: DriverImages = {
  keyward: 'ghcr.io/keyward/keyward:0.1.0',
  provisioner: 'registry.k8s.io/sig-storage/csi-provisioner:v6.3.0',
  resizer: 'registry.k8s.io/sig-storage/csi-resizer:v2.3.0',
  snapshotter: 'registry.k8s.io/sig-storage/csi-snapshotter:v8.7.0',
  attacher: 'registry.k8s.io/sig-storage/csi-attacher:v4.12.0',
  csiAddons: 'quay.io/csiaddons/k8s-sidecar:v0.14.0',
};

/** keyward with the tools and libraries of Ceph, which the back end `rbd` needs. */
export const cephImage = `${defaultImages.keyward}-ceph`;

/** The user and group of keyward's image: any but root. */
export const imageUser = 65_532;
