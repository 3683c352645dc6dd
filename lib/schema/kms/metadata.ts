// KMS type `metadata`: a passphrase in a Secret wraps each volume's key; the wrapped key lives in the volume's metadata.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { labelName, objectName, passphraseSecretKey } from '../names';
import type { IssueParams } from '../zod-issues';
import type { KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';

/** Settings of a `metadata` KMS. */
export interface MetadataKmsSettings {
  /** The type. */
  readonly type: 'metadata';
  /**
   * Secret that holds the passphrase under the key `encryptionPassphrase`.
   * @default - the passphrase comes with each request, from the secret references of the StorageClass
   */
  readonly secretName?: string;
  /**
   * Namespace of that Secret.
   * @default - the namespace of the claim
   */
  readonly secretNamespace?: string;
}

const docs = {
  secretName: `name of the Secret whose key ${passphraseSecretKey} wraps the volume keys; without it the request secrets are used`,
  secretNamespace: 'namespace of that Secret; without it the namespace of the claim',
};

const shape = {
  secretName: objectName.describe(docs.secretName).exactOptional(),
  secretNamespace: labelName.describe(docs.secretNamespace).exactOptional(),
};

const namespaceNeedsName = {
  error: 'is set without secretName',
  path: ['secretNamespace'],
  params: {
    remedy: 'add secretName, or remove secretNamespace: request secrets have no namespace',
  } satisfies IssueParams,
};

const settings = z
  .strictObject({ type: z.literal('metadata'), ...shape })
  .refine((value) => value.secretNamespace === undefined || value.secretName !== undefined, namespaceNeedsName);

const section = z.codec(z.strictObject({ ...selectorKeys('metadata'), ...shape }), settings, {
  decode: ({ secretName, secretNamespace }) => ({
    type: 'metadata' as const,
    ...defined({ secretName, secretNamespace }),
  }),
  encode: ({ secretName, secretNamespace }) => ({
    encryptionKMSType: 'metadata' as const,
    ...defined({ secretName, secretNamespace }),
  }),
});

/** The `metadata` type. */
export const metadataKms: KmsTypeDefinition<MetadataKmsSettings, MetadataKmsSettings> = {
  type: 'metadata',
  family: 'wraps',
  docs: 'A passphrase in a Kubernetes Secret wraps each volume key (scrypt and AES-256-GCM).',
  options: {
    secretName: { docs: docs.secretName, tenantMaySet: false },
    secretNamespace: { docs: docs.secretNamespace, tenantMaySet: false },
  },
  settle: (props, subject) => decodeWith(settings, props, subject),
  section: {
    decode: (wire, subject) => decodeWith(section, wire, subject),
    encode: (value) => encodeWith(section, value, 'a metadata KMS'),
  },
  secrets: ({ secretName, secretNamespace }) => [
    secretName === undefined
      ? { from: 'request', key: passphraseSecretKey }
      : { from: 'secret', name: secretName, key: passphraseSecretKey, ...defined({ namespace: secretNamespace }) },
  ],
};
