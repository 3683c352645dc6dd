/** Whose Pod may use a volume: a key that belongs to a tenant serves Pods of that tenant alone. */
import type { EncryptionRecord } from '../device/record';
import { CodedError } from '../errors';

/**
 * Kubernetes binds a claim to a volume within one namespace, but who may write PersistentVolumes can write a second one for the
 * same volume. A key without a place of its own belongs to no tenant.
 * @param podNamespace that of the Pod, as the kubelet says; undefined for a caller that names no Pod
 * @throws CodedError VOLUME_FOREIGN
 */
export function requireOwnTenant(
  volumeId: string,
  { owner, keyLocation }: Pick<EncryptionRecord, 'owner' | 'keyLocation'>,
  podNamespace: string | undefined,
): void {
  if (keyLocation === undefined || podNamespace === undefined || podNamespace === owner) return;
  const text = `volume ${volumeId} is encrypted with a key of the tenant ${owner}, and the Pod is of the namespace ${podNamespace}`;
  throw new CodedError('VOLUME_FOREIGN', text, {
    remedy: 'Give the Pod a claim of its own; data is handed over by a Pod of the owner.',
  });
}
