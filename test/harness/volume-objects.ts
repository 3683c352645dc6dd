/** Claims, snapshots and small pods as a tenant writes them. */
import { busyboxImage } from '../../tools/cluster/basic-images';
import type { AppliedManifest } from './server-side-apply';

export interface ClaimOptions {
  readonly namespace: string;
  readonly name: string;
  readonly storageClass: string;
  /** As Kubernetes writes it. @default 64Mi */
  readonly size?: string;
  /** Snapshot that the volume begins as. */
  readonly snapshot?: string;
  /** PersistentVolume to bind to. */
  readonly volumeName?: string;
}

export function claim({ namespace, name, storageClass, size = '64Mi', snapshot, volumeName }: ClaimOptions) {
  const dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshot };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace, name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: storageClass,
      resources: { requests: { storage: size } },
      ...(snapshot !== undefined && { dataSource }),
      ...(volumeName !== undefined && { volumeName }),
    },
  } satisfies AppliedManifest;
}

/** A Pod with a claim at /data that counts in /data/ticks, one line each time, and is ready once it has written the first. */
export function writer({ namespace, name, claimName }: { namespace: string; name: string; claimName: string }) {
  const script = 'while true; do echo tick >> /data/ticks && sync && touch /tmp/wrote; sleep 1; done';
  return smallPod({
    ...{ namespace, name, volume: { persistentVolumeClaim: { claimName } } },
    container: {
      command: ['sh', '-c', script],
      readinessProbe: { exec: { command: ['test', '-e', '/tmp/wrote'] }, periodSeconds: 2, timeoutSeconds: 20 },
    },
  });
}

export interface SmallPodOptions {
  readonly namespace: string;
  readonly name: string;
  /** What is at /data. */
  readonly volume: object;
  /** What the container does, and when it is ready. */
  readonly container: object;
}

/** A Pod with one container, `writer`, that goes within a second when it is deleted. */
export function smallPod({ namespace, name, volume, container }: SmallPodOptions) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'writer',
          image: busyboxImage,
          imagePullPolicy: 'Never',
          ...container,
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'data', ...volume }],
    },
  } satisfies AppliedManifest;
}

export function snapshotOf({ namespace, name, claimName }: { namespace: string; name: string; claimName: string }) {
  return {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { namespace, name },
    spec: { volumeSnapshotClassName: 'encrypted-tenant', source: { persistentVolumeClaimName: claimName } },
  } satisfies AppliedManifest;
}
