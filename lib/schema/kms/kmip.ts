// KMS type `kmip`: a key that stays in a KMIP 1.4 server wraps each volume's key; the volume's metadata keeps the result.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { goBoolean } from '../go-values';
import { objectName } from '../names';
import type { IssueParams } from '../zod-issues';
import type { KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';
import { credentialSecret, optionsOf } from './service-fields';

/** Settings of a `kmip` KMS. */
export interface KmipKmsSettings {
  /** The type. */
  readonly type: 'kmip';
  /** `host:port`; the usual port is 5696. */
  readonly endpoint: string;
  /** Secret in the namespace of the driver, with the keys of `kmipCredentialKeys` and no others. */
  readonly secretName: string;
  /**
   * Name to expect in the server's certificate.
   * @default - the host of the endpoint
   */
  readonly serverName?: string;
  /** Time for a whole exchange, 0 to 255. 0: none of its own, so that only the deadline of the call holds. */
  readonly readTimeoutSeconds: number;
  /** As `readTimeoutSeconds`; the shorter of the two holds. */
  readonly writeTimeoutSeconds: number;
  /**
   * True: the server encrypts and decrypts (AES-CBC). False, for servers that cannot: the driver gets the key and does it
   * (AES-GCM). Keys that were wrapped in one way do not unwrap in the other.
   */
  readonly useCryptoRpc: boolean;
}

/** A `kmip` KMS as a declaration writes it. */
export interface KmipKmsProps extends Pick<KmipKmsSettings, 'type' | 'endpoint' | 'serverName'> {
  /**
   * Secret in the namespace of the driver.
   * @default ceph-csi-kmip-credentials
   */
  readonly secretName?: string;
  /**
   * Time for a whole exchange.
   * @default 10
   */
  readonly readTimeoutSeconds?: number;
  /**
   * Time for a whole exchange.
   * @default 10
   */
  readonly writeTimeoutSeconds?: number;
  /**
   * Whether the server encrypts and decrypts.
   * @default true
   */
  readonly useCryptoRpc?: boolean;
}

const defaults = {
  secretName: 'ceph-csi-kmip-credentials',
  readTimeoutSeconds: 10,
  writeTimeoutSeconds: 10,
  useCryptoRpc: true,
} as const;

/** Keys of the credential Secret, all required. Any other is an error, as in ceph-csi. */
export const kmipCredentialKeys = ['CA_CERT', 'CLIENT_CERT', 'CLIENT_KEY', 'UNIQUE_IDENTIFIER'] as const;

const endpoint = z.string().refine(isHostPort, {
  error: 'is not "host:port"',
  params: {
    remedy: 'write the host and the port without a scheme, e.g. "kmip.example.com:5696"',
  } satisfies IssueParams,
});

const serverName = z.string().regex(/^[-.\w]+$/, { error: 'is not a host name' });
const timeout = z.int().min(0).max(255);

/** A JSON number and never text; ceph-csi cuts the fraction off and keeps eight bits: 256 is 0, which means no limit. */
const goTimeout = (docs: string) =>
  z.codec(z.number().describe(`${docs}, as a number; 0: no limit of its own`), timeout, {
    decode: (seconds) => Math.trunc(seconds) & 0xff,
    encode: (seconds) => seconds,
  });

const settings = z.strictObject({
  type: z.literal('kmip'),
  endpoint,
  secretName: objectName,
  serverName: serverName.exactOptional(),
  readTimeoutSeconds: timeout,
  writeTimeoutSeconds: timeout,
  useCryptoRpc: z.boolean(),
});

const wire = z.strictObject({
  ...selectorKeys('kmip'),
  KMIP_ENDPOINT: endpoint.describe('host:port of the server'),
  KMIP_SECRET_NAME: credentialSecret(defaults.secretName).exactOptional(),
  TLS_SERVER_NAME: z
    .string()
    .describe("name to expect in the server's certificate; empty: the endpoint's")
    .exactOptional(),
  READ_TIMEOUT: goTimeout('seconds for a whole exchange').exactOptional(),
  WRITE_TIMEOUT: goTimeout('seconds for a whole exchange; the shorter of the two holds').exactOptional(),
  USE_CRYPTO_RPC: goBoolean.describe('"false": get the key and encrypt in the driver').exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: (it) => ({
    type: 'kmip' as const,
    endpoint: it.KMIP_ENDPOINT,
    secretName: it.KMIP_SECRET_NAME ?? defaults.secretName,
    ...defined({ serverName: it.TLS_SERVER_NAME || undefined }),
    readTimeoutSeconds: it.READ_TIMEOUT ?? defaults.readTimeoutSeconds,
    writeTimeoutSeconds: it.WRITE_TIMEOUT ?? defaults.writeTimeoutSeconds,
    useCryptoRpc: it.USE_CRYPTO_RPC ?? defaults.useCryptoRpc,
  }),
  encode: (it) => ({
    encryptionKMSType: 'kmip' as const,
    KMIP_ENDPOINT: it.endpoint,
    KMIP_SECRET_NAME: it.secretName,
    ...defined({ TLS_SERVER_NAME: it.serverName }),
    READ_TIMEOUT: it.readTimeoutSeconds,
    WRITE_TIMEOUT: it.writeTimeoutSeconds,
    USE_CRYPTO_RPC: it.useCryptoRpc,
  }),
});

/** The `kmip` type. */
export const kmipKms: KmsTypeDefinition<KmipKmsSettings, KmipKmsProps> = {
  type: 'kmip',
  family: 'wraps',
  docs: 'A key in a KMIP 1.4 server wraps each volume key; the driver shows a client certificate.',
  options: optionsOf(wire),
  settle: (props, subject) => decodeWith(settings, { ...defaults, ...defined(props) }, subject),
  section: {
    decode: (value, subject) => decodeWith(section, value, subject),
    encode: (value) => encodeWith(section, value, 'a kmip KMS'),
  },
  secrets: ({ secretName: name }) => kmipCredentialKeys.map((key) => ({ from: 'driver-secret' as const, name, key })),
};

function isHostPort(text: string): boolean {
  const port = Number(/^(?:[-.\w]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}
