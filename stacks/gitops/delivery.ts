// Who applies the folders, and what either controller is told of each.

/** Where the folders are, and which controllers apply them. */
export interface Delivery {
  /** Folder of the repository that holds one folder for each part. */
  readonly path: string;
  /**
   * Argo CD.
   * @default - no Application objects
   */
  readonly argoCd?: ArgoCdDelivery;
  /**
   * Flux.
   * @default - no Kustomization objects
   */
  readonly flux?: FluxDelivery;
}

/** What Argo CD needs to know. */
export interface ArgoCdDelivery {
  /** URL of the repository. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /**
   * Namespace of Argo CD.
   * @default argocd
   */
  readonly namespace?: string;
  /**
   * Project of the Applications.
   * @default default
   */
  readonly project?: string;
}

/** What Flux needs to know. */
export interface FluxDelivery {
  /** Name of the GitRepository. */
  readonly source: string;
  /**
   * Namespace of the GitRepository and the Kustomizations.
   * @default flux-system
   */
  readonly namespace?: string;
}

/** Keeps an object that is no longer declared, with either controller. */
export const kept = {
  'argocd.argoproj.io/sync-options': 'Prune=false',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
} as const;
