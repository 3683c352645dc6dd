// StorageClasses cannot be changed (trap 10). With a name that follows from what is immutable in them, a changed declaration
// makes a new class, and the old one stays for the claims that have it until somebody removes it.
import { createHash } from 'node:crypto';
import type { ApiObjectMetadata } from 'cdk8s';
import type { k8s } from 'cdk8s-plus-27';
import { propError } from './prop-error';

/** Props of a class whose name may follow from its content. */
export interface ContentHashedNameProps {
  /**
   * What is put behind the name: `content-hash` is a hash of all that is immutable in the class, so that a changed
   * declaration makes a new class instead of failing at the API server.
   * @default - nothing
   */
  readonly nameSuffix?: 'content-hash';
}

/** Fields of a StorageClass that the API server never changes. */
const immutableFields = ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'] as const;

/** The class with the name that it is to have. Throws when there is no name to put the suffix behind. */
export function withContentHash(
  storageClass: k8s.KubeStorageClassProps,
  { nameSuffix }: ContentHashedNameProps,
  subject: string,
): k8s.KubeStorageClassProps {
  if (nameSuffix === undefined) return storageClass;
  const metadata = storageClass.metadata as ApiObjectMetadata | undefined;
  if (metadata?.name === undefined) throw noName(subject);
  const content = immutableFields.map((field) => sorted(storageClass[field]));
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 8);
  return { ...storageClass, metadata: { ...metadata, name: `${metadata.name}-${hash}` } };
}

/** The order in which parameters were written is no content. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
}

function noName(subject: string): Error {
  return propError({
    prop: `${subject}.metadata.name`,
    got: 'nothing',
    allowed: 'a name',
    remedy: 'The hash of the content goes behind it: give the class a name',
    rule: 'trap 10',
  });
}
