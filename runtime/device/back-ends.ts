/**
 * Which back end serves a request. What is node-local needs nothing for that; a cluster is named by the class or by the
 * volume id, and its credentials come with the call.
 */
import type { Secret } from '../secret';
import type { BackEnd } from './back-end';

/** What a call brings towards its storage. */
export interface StorageAccess {
  /** The CSI secrets of the call; valid only while it runs. Empty where CSI has none in the request. */
  readonly secrets: ReadonlyMap<string, Secret>;
  /** Takes over a secret that the back end needs as long as the call runs, and zeroes it afterwards. */
  readonly keep: (secret: Secret) => Secret;
  /** `volume_context`, where the request carries it. */
  readonly context?: Readonly<Record<string, string>>;
}

export interface ForClass {
  readonly backEnd: BackEnd;
  /** The parameters that are not the back end's own. */
  readonly otherParameters: Readonly<Record<string, string>>;
}

export interface BackEnds {
  readonly reach: BackEnd['reach'];
  /** Whether calls without secrets (lists, capacity) can be served. */
  readonly servesLists: boolean;
  /** For a new volume, or the capacity of a class. @throws CodedError REQUEST_INVALID, SECRET_MISSING, CLUSTER_UNKNOWN. */
  forClass(parameters: Readonly<Record<string, string>>, access: StorageAccess): Promise<ForClass>;
  /** For a volume or snapshot. An id that is none of ours gets a back end that holds nothing. @throws CodedError SECRET_MISSING. */
  forId(id: string, access: StorageAccess): Promise<BackEnd>;
  /** Back ends that together hold all volumes and snapshots, for lists. */
  all(access: StorageAccess): Promise<readonly BackEnd[]>;
  /** @throws CodedError when nothing can be served now. */
  requireReady(): Promise<void>;
  close(): Promise<void>;
}
