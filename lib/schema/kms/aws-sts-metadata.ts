// KMS type `aws-sts-metadata`: as aws-metadata, but the driver becomes a role of the tenant by a web identity token.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { objectName } from '../names';
import { awsEndpointUrl, defaultAwsSecretName } from './aws-metadata';
import type { KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';
import { credentialSecret, optionsOf, serviceUrl } from './service-fields';

/** Settings of an `aws-sts-metadata` KMS. */
export interface AwsStsMetadataKmsSettings {
  /** The type. */
  readonly type: 'aws-sts-metadata';
  /** Secret in the namespace of the claim, with the keys of `awsStsSecretKeys` and no others. */
  readonly secretName: string;
  /**
   * Address of the STS and KMS APIs.
   * @default - those of the tenant's region
   */
  readonly endpointUrl?: string;
}

/** An `aws-sts-metadata` KMS as a declaration writes it. */
export interface AwsStsMetadataKmsProps extends Omit<AwsStsMetadataKmsSettings, 'secretName'> {
  /**
   * Secret in the namespace of the claim.
   * @default ceph-csi-aws-credentials
   */
  readonly secretName?: string;
}

/** Keys of the tenant's Secret, all required. Any other is an error, as in ceph-csi. */
export const awsStsSecretKeys = ['awsRoleARN', 'awsCMKARN', 'awsRegion'] as const;

/** What AWS's own tools ask for; an identity provider at AWS is told which audiences it accepts. */
const webIdentityAudience = 'sts.amazonaws.com';

/** Where ceph-csi expects the projected token, whose audience the identity provider at AWS must know. */
export const webIdentityTokenFile = '/run/secrets/tokens/oidc-token';

const settings = z.strictObject({
  type: z.literal('aws-sts-metadata'),
  secretName: objectName,
  endpointUrl: serviceUrl.exactOptional(),
});

const wire = z.strictObject({
  ...selectorKeys('aws-sts-metadata'),
  secretName: credentialSecret(defaultAwsSecretName).exactOptional(),
  AWS_ENDPOINT_URL: awsEndpointUrl.exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: ({ secretName, AWS_ENDPOINT_URL: endpointUrl }) => ({
    type: 'aws-sts-metadata' as const,
    secretName: secretName ?? defaultAwsSecretName,
    ...defined({ endpointUrl }),
  }),
  encode: ({ secretName, endpointUrl }) => ({
    encryptionKMSType: 'aws-sts-metadata' as const,
    secretName,
    ...defined({ AWS_ENDPOINT_URL: endpointUrl }),
  }),
});

/** The `aws-sts-metadata` type. */
export const awsStsMetadataKms: KmsTypeDefinition<AwsStsMetadataKmsSettings, AwsStsMetadataKmsProps> = {
  type: 'aws-sts-metadata',
  family: 'wraps',
  docs: "AWS KMS wraps each volume key; the driver assumes the tenant's role with its own web identity token.",
  options: optionsOf(wire),
  settle: (props, subject) => decodeWith(settings, { secretName: defaultAwsSecretName, ...defined(props) }, subject),
  section: {
    decode: (value, subject) => decodeWith(section, value, subject),
    encode: (value) => encodeWith(section, value, 'an aws-sts-metadata KMS'),
  },
  secrets: ({ secretName: name }) => [
    ...awsStsSecretKeys.map((key) => ({ from: 'secret' as const, name, key })),
    { from: 'service-account', tokenFile: webIdentityTokenFile, audience: webIdentityAudience },
  ],
};
