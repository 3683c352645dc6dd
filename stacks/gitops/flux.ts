// One Kustomization for each part: Flux builds it from the manifests of the folder, and waits for what it depends on.
import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { partsBefore, type StoragePart } from '../../lib/cdk8s';
import type { FluxDelivery } from './delivery';

/** Props of a `FluxChart`. */
export interface FluxChartProps extends FluxDelivery {
  readonly parts: readonly StoragePart[];
  /** Folder of the repository that holds the folders of the parts. */
  readonly path: string;
}

/** The Kustomizations. */
export class FluxChart extends Chart {
  constructor(scope: Construct, id: string, { parts, path, source, namespace = 'flux-system' }: FluxChartProps) {
    super(scope, id, { disableResourceNameHashes: true });
    for (const part of parts) {
      const before = partsBefore(part, new Set(parts));
      new ApiObject(this, part, {
        apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
        kind: 'Kustomization',
        metadata: { name: `keyward-${part}`, namespace },
        spec: {
          interval: '10m',
          retryInterval: '1m',
          timeout: '5m',
          path: `./${path}/${part}`,
          prune: true,
          // Until the Job has ended and the pods are ready; what depends on it comes after.
          wait: true,
          sourceRef: { kind: 'GitRepository', name: source },
          ...(before.length > 0 && { dependsOn: before.map((name) => ({ name: `keyward-${name}` })) }),
        },
      });
    }
  }
}
