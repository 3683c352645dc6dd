/** What a box runs. */
import { cephComponents } from '../ceph/ceph-cluster';
import type { ToolName } from '../components';

/** All of them must be prepared before a box starts. */
export const boxComponents = [
  'openbao',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'snapshot-controller',
  'containerd',
  'crun',
  'cni-plugins',
  'busybox',
  'openssl',
  'mkfs.ext4',
  'ip',
  'user-mode-linux',
  'modprobe',
] as const satisfies readonly ToolName[];

/** The same of a box with a Ceph. */
export const cephBoxComponents = [...boxComponents, ...cephComponents] as const satisfies readonly ToolName[];
