// A part of somebody else's Ceph resource: only `spec.security`, to be merged by server-side apply into the object that exists.
import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';

/** The object that is patched. */
export interface CephResource {
  readonly kind: 'CephCluster' | 'CephObjectStore';
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Tells Argo CD and Flux to merge what is here into what is there, and never to remove the object. */
const mergeAnnotations = {
  'argocd.argoproj.io/sync-options': 'ServerSideApply=true,Prune=false,Delete=false',
  'kustomize.toolkit.fluxcd.io/ssa': 'Merge',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
} as const;

/** Emits the patch. */
export function securityPatch(scope: Construct, { kind, name, namespace }: CephResource, security: object): ApiObject {
  return new ApiObject(scope, 'Patch', {
    apiVersion: 'ceph.rook.io/v1',
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), annotations: mergeAnnotations },
    spec: { security },
  });
}
