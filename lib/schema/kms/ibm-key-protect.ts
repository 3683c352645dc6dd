// KMS type `ibmkeyprotect`: a root key of IBM Key Protect wraps each volume's key; the volume's metadata keeps the result.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { objectName } from '../names';
import type { KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';
import { credentialSecret, filledText, optionsOf, serviceUrl } from './service-fields';

/** Settings of an `ibmkeyprotect` KMS. */
export interface IbmKeyProtectKmsSettings {
  /** The type. */
  readonly type: 'ibmkeyprotect';
  /** Id of the Key Protect instance. */
  readonly serviceInstanceId: string;
  /** Secret in the namespace of the driver, with the keys of `ibmCredentialKeys` and no others. */
  readonly secretName: string;
  /** Address of Key Protect. */
  readonly baseUrl: string;
  /** Address at which an API key becomes an access token. */
  readonly tokenUrl: string;
}

/** An `ibmkeyprotect` KMS as a declaration writes it. */
export interface IbmKeyProtectKmsProps extends Pick<IbmKeyProtectKmsSettings, 'type' | 'serviceInstanceId'> {
  /**
   * Secret in the namespace of the driver.
   * @default ceph-csi-kp-credentials
   */
  readonly secretName?: string;
  /**
   * Address of Key Protect.
   * @default https://us-south.kms.cloud.ibm.com
   */
  readonly baseUrl?: string;
  /**
   * Address at which an API key becomes an access token.
   * @default https://iam.cloud.ibm.com/oidc/token
   */
  readonly tokenUrl?: string;
}

const defaults = {
  secretName: 'ceph-csi-kp-credentials',
  baseUrl: 'https://us-south.kms.cloud.ibm.com',
  tokenUrl: 'https://iam.cloud.ibm.com/oidc/token',
} as const;

/** Keys of the credential Secret. Any other is an error; the optional ones are taken and not used, as in ceph-csi. */
export const ibmCredentialKeys = {
  required: ['IBM_KP_SERVICE_API_KEY', 'IBM_KP_CUSTOMER_ROOT_KEY'],
  optional: ['IBM_KP_SESSION_TOKEN', 'IBM_KP_CRK_ARN'],
} as const;

const settings = z.strictObject({
  type: z.literal('ibmkeyprotect'),
  serviceInstanceId: filledText,
  secretName: objectName,
  baseUrl: serviceUrl,
  tokenUrl: serviceUrl,
});

const wire = z.strictObject({
  ...selectorKeys('ibmkeyprotect'),
  IBM_KP_SERVICE_INSTANCE_ID: filledText.describe('id of the Key Protect instance'),
  IBM_KP_SECRET_NAME: credentialSecret(defaults.secretName).exactOptional(),
  IBM_KP_BASE_URL: serviceUrl.describe(`address of Key Protect; without it ${defaults.baseUrl}`).exactOptional(),
  IBM_KP_TOKEN_URL: serviceUrl.describe(`address for access tokens; without it ${defaults.tokenUrl}`).exactOptional(),
  IBM_KP_REGION: z.string().describe('read and not used, as in ceph-csi').exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: (it) => ({
    type: 'ibmkeyprotect' as const,
    serviceInstanceId: it.IBM_KP_SERVICE_INSTANCE_ID,
    secretName: it.IBM_KP_SECRET_NAME ?? defaults.secretName,
    baseUrl: it.IBM_KP_BASE_URL ?? defaults.baseUrl,
    tokenUrl: it.IBM_KP_TOKEN_URL ?? defaults.tokenUrl,
  }),
  encode: ({ serviceInstanceId, secretName, baseUrl, tokenUrl }) => ({
    encryptionKMSType: 'ibmkeyprotect' as const,
    IBM_KP_SERVICE_INSTANCE_ID: serviceInstanceId,
    IBM_KP_SECRET_NAME: secretName,
    IBM_KP_BASE_URL: baseUrl,
    IBM_KP_TOKEN_URL: tokenUrl,
  }),
});

/** The `ibmkeyprotect` type. */
export const ibmKeyProtectKms: KmsTypeDefinition<IbmKeyProtectKmsSettings, IbmKeyProtectKmsProps> = {
  type: 'ibmkeyprotect',
  family: 'wraps',
  docs: 'A root key of IBM Key Protect wraps each volume key and binds it to the volume.',
  options: optionsOf(wire),
  settle: (props, subject) => decodeWith(settings, { ...defaults, ...defined(props) }, subject),
  section: {
    decode: (value, subject) => decodeWith(section, value, subject),
    encode: (value) => encodeWith(section, value, 'an ibmkeyprotect KMS'),
  },
  secrets: ({ secretName: name }) => [
    ...ibmCredentialKeys.required.map((key) => ({ from: 'driver-secret' as const, name, key })),
    ...ibmCredentialKeys.optional.map((key) => ({
      from: 'driver-secret' as const,
      name,
      key,
      optional: true as const,
    })),
  ],
};
