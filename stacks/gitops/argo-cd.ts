// One Application for each part, for an Application of yours that points at their folder.
import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { type StoragePart, syncWaveOf } from '../../lib/cdk8s';
import type { ArgoCdDelivery } from './delivery';

/** Props of an `ArgoCdChart`. */
export interface ArgoCdChartProps extends ArgoCdDelivery {
  readonly parts: readonly StoragePart[];
  /** Folder of the repository that holds the folders of the parts. */
  readonly path: string;
  /** Namespace of the storage. */
  readonly target: string;
}

/** The Applications. Deleting one leaves what it has applied: no finalizer takes volumes along. */
export class ArgoCdChart extends Chart {
  constructor(scope: Construct, id: string, props: ArgoCdChartProps) {
    super(scope, id, { disableResourceNameHashes: true });
    const { parts, path, target, repository: repoURL, revision: targetRevision } = props;
    const { namespace = 'argocd', project = 'default' } = props;
    for (const part of parts) {
      new ApiObject(this, part, {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: { name: `keyward-${part}`, namespace, annotations: { ...syncWaveOf(part) } },
        spec: {
          project,
          source: { repoURL, targetRevision, path: `${path}/${part}` },
          destination: { server: 'https://kubernetes.default.svc', namespace: target },
          syncPolicy: {
            automated: { prune: true, selfHeal: true },
            syncOptions: ['ServerSideApply=true'],
            // Argo CD does not wait for the Application of an earlier wave, unless it is taught to: who comes too early tries again.
            retry: { limit: 20, backoff: { duration: '5s', factor: 2, maxDuration: '3m' } },
          },
        },
      });
    }
  }
}
