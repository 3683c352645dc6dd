// KMS type `aws-metadata`: AWS KMS wraps each volume's key with static credentials; the volume's metadata keeps the result.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { objectName } from '../names';
import type { KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';
import { credentialSecret, optionsOf, serviceUrl } from './service-fields';

/** Settings of an `aws-metadata` KMS. */
export interface AwsMetadataKmsSettings {
  /** The type. */
  readonly type: 'aws-metadata';
  /** Region of the key, e.g. `eu-central-1`. */
  readonly region: string;
  /** Secret in the namespace of the driver, with the keys of `awsCredentialKeys` and no others. */
  readonly secretName: string;
  /**
   * Address of the KMS API.
   * @default - that of the region
   */
  readonly endpointUrl?: string;
}

/** An `aws-metadata` KMS as a declaration writes it. */
export interface AwsMetadataKmsProps extends Omit<AwsMetadataKmsSettings, 'secretName'> {
  /**
   * Secret in the namespace of the driver.
   * @default ceph-csi-aws-credentials
   */
  readonly secretName?: string;
}

/** Name of the Secret when none is given, for both AWS types as in ceph-csi. */
export const defaultAwsSecretName = 'ceph-csi-aws-credentials';

/** Keys of the credential Secret. Any other is an error, as in ceph-csi. */
export const awsCredentialKeys = {
  required: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_CMK_ARN'],
  optional: ['AWS_SESSION_TOKEN'],
} as const;

/** It becomes a part of a host name. */
export const awsRegion = z.string().regex(/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, { error: 'is not an AWS region' });

/** keyward's own key, named as the variable of the AWS SDKs that means the same. */
export const awsEndpointUrl = serviceUrl.describe(
  'address of the AWS API, when it is not that of the region (keyward)',
);

const settings = z.strictObject({
  type: z.literal('aws-metadata'),
  region: awsRegion,
  secretName: objectName,
  endpointUrl: serviceUrl.exactOptional(),
});

const wire = z.strictObject({
  ...selectorKeys('aws-metadata'),
  AWS_REGION: awsRegion.describe('region of the key'),
  KMS_SECRET_NAME: credentialSecret(defaultAwsSecretName).exactOptional(),
  AWS_ENDPOINT_URL: awsEndpointUrl.exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: ({ AWS_REGION: region, KMS_SECRET_NAME: secretName, AWS_ENDPOINT_URL: endpointUrl }) => ({
    type: 'aws-metadata' as const,
    region,
    secretName: secretName ?? defaultAwsSecretName,
    ...defined({ endpointUrl }),
  }),
  encode: ({ region, secretName, endpointUrl }) => ({
    encryptionKMSType: 'aws-metadata' as const,
    AWS_REGION: region,
    KMS_SECRET_NAME: secretName,
    ...defined({ AWS_ENDPOINT_URL: endpointUrl }),
  }),
});

/** The `aws-metadata` type. */
export const awsMetadataKms: KmsTypeDefinition<AwsMetadataKmsSettings, AwsMetadataKmsProps> = {
  type: 'aws-metadata',
  family: 'wraps',
  docs: 'AWS KMS wraps each volume key; the driver shows it the access key of a Secret.',
  options: optionsOf(wire),
  settle: (props, subject) => decodeWith(settings, { secretName: defaultAwsSecretName, ...defined(props) }, subject),
  section: {
    decode: (value, subject) => decodeWith(section, value, subject),
    encode: (value) => encodeWith(section, value, 'an aws-metadata KMS'),
  },
  secrets: ({ secretName: name }) => [
    ...awsCredentialKeys.required.map((key) => ({ from: 'driver-secret' as const, name, key })),
    ...awsCredentialKeys.optional.map((key) => ({
      from: 'driver-secret' as const,
      name,
      key,
      optional: true as const,
    })),
  ],
};
