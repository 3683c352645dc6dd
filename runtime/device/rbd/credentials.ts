/** As which Ceph user a call acts: the one of its CSI secrets, else the one that the configuration names for the cluster. */
import type { RbdBackendConfig } from '../../../lib/schema/rbd-backend-config';
import { CodedError } from '../../errors';
import type { Secret } from '../../secret';
import type { SecretReader } from '../../secret-reader';
import type { StorageAccess } from '../back-ends';

export interface CephUser {
  readonly userId: string;
  readonly userKey: Secret;
}

/**
 * The keys of the call's secrets are those of ceph-csi's Secrets: `userID`, `userKey`.
 * @returns a user whose key lasts as long as the call.
 * @throws CodedError SECRET_MISSING.
 */
export async function cephUser(
  { secrets, keep }: StorageAccess,
  clusterId: string,
  configured: RbdBackendConfig['credentials'],
  reader: SecretReader,
): Promise<CephUser> {
  const [id, key] = [secrets.get('userID'), secrets.get('userKey')];
  if (id && key) return { userId: nameOf(id), userKey: key };
  const reference = configured?.find((each) => each.clusterId === clusterId)?.secret;
  if (reference) {
    using userId = await reader.read(reference.namespace, reference.name, 'userID');
    const userKey = keep(await reader.read(reference.namespace, reference.name, 'userKey'));
    return { userId: nameOf(userId), userKey };
  }
  throw new CodedError('SECRET_MISSING', `the call brings no Ceph user for cluster ${clusterId}`, {
    remedy:
      'Give the Secret with userID and userKey in the csi.storage.k8s.io/…-secret-name parameters of the class, or in backend.credentials.',
  });
}

/** The name is no secret; a trailing newline of an editor is not part of it. */
function nameOf(secret: Secret): string {
  const name = secret.use((bytes) => bytes.toString('utf8')).trim();
  if (/^[^\s'"\\]{1,256}$/.test(name)) return name;
  throw new CodedError('SECRET_MISSING', 'userID of the Ceph user is empty, or not the name of a user', {
    remedy: 'Write the name without "client.", for example csi-rbd-node.',
  });
}
