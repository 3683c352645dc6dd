/** The two calls of AWS KMS that wrap and unwrap: https://docs.aws.amazon.com/kms/latest/APIReference/ */
import * as z from 'zod';
import { JsonService, textMember } from '../../http/json-service';
import type { Meaning } from '../../http/service-error';
import { Secret } from '../../secret';
import { fromBase64 } from '../base64';
import { awsEndpoint } from './endpoints';
import { type AwsCredentials, signed } from './sigv4';

export interface AwsKmsOptions {
  readonly region: string;
  /** Default: that of the region. */
  readonly endpointUrl?: string | undefined;
  readonly now?: () => Date;
}

const blob = z.string().transform((text, ctx) => {
  const bytes = fromBase64(text);
  if (bytes && bytes.length > 0) return bytes;
  ctx.addIssue({ code: 'custom', message: 'is not base64' });
  return z.NEVER;
});
const encrypted = z.object({ CiphertextBlob: blob });
const decrypted = z.object({ Plaintext: blob });

export class AwsKms {
  readonly #service: JsonService;
  readonly #region: string;
  readonly #now: () => Date;

  constructor({ region, endpointUrl = awsEndpoint('kms', region), now = () => new Date() }: AwsKmsOptions) {
    this.#region = region;
    this.#now = now;
    this.#service = new JsonService({ service: 'AWS KMS', address: endpointUrl, errorCodeOf, meaningOf });
  }

  /** No encryption context, as in ceph-csi: the blob does not say for which volume it is. @throws ServiceError */
  async encrypt(keyId: string, plaintext: Secret, credentials: AwsCredentials, signal?: AbortSignal): Promise<Buffer> {
    const Plaintext = plaintext.use((bytes) => bytes.toString('base64'));
    const answer = await this.#call('Encrypt', { KeyId: keyId, Plaintext }, encrypted, credentials, signal);
    return answer.CiphertextBlob;
  }

  /** The blob names its key itself. @throws ServiceError KMS_CIPHERTEXT_INVALID and others */
  async decrypt(ciphertext: Buffer, credentials: AwsCredentials, signal?: AbortSignal): Promise<Secret> {
    const body = { CiphertextBlob: ciphertext.toString('base64') };
    const { Plaintext } = await this.#call('Decrypt', body, decrypted, credentials, signal);
    return Secret.take(Plaintext);
  }

  close(): void {
    this.#service.close();
  }

  async #call<S extends z.ZodType>(
    action: 'Encrypt' | 'Decrypt',
    input: Readonly<Record<string, string>>,
    shape: S,
    credentials: AwsCredentials,
    signal?: AbortSignal,
  ): Promise<z.output<S>> {
    const body = JSON.stringify(input);
    const headers = signed(
      {
        url: `${this.#service.url}/`,
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${action}` },
        body,
      },
      credentials,
      { region: this.#region, service: 'kms', at: this.#now() },
    );
    const request = { method: 'POST', path: '', headers, body, shape, ...(signal && { signal }) } as const;
    return (await this.#service.request(request)) as z.output<S>;
  }
}

/** `com.amazonaws.kms#NotFoundException`, or only what follows the hash. */
function errorCodeOf(body: unknown): string | undefined {
  return textMember(body, '__type')?.split('#').at(-1);
}

function meaningOf(errorCode: string): Meaning | undefined {
  return Object.entries(meanings).find(([codes]) => codes.split(' ').includes(errorCode))?.[1];
}

const meanings: Readonly<Record<string, Meaning>> = {
  NotFoundException: {
    code: 'KMS_KEY_NOT_FOUND',
    what: 'does not know the key',
    remedy: 'Correct the ARN of the key and the region; a key that was deleted for good cannot be brought back.',
  },
  'DisabledException KMSInvalidStateException': {
    code: 'KMS_DENIED',
    what: 'has the key in a state that does not allow this',
    remedy: 'Enable the key, or cancel its deletion.',
  },
  InvalidKeyUsageException: {
    code: 'CONFIG_INVALID',
    what: 'has a key that is not for encryption',
    remedy: 'Use a key with the usage ENCRYPT_DECRYPT.',
  },
  'InvalidCiphertextException IncorrectKeyException': {
    code: 'KMS_CIPHERTEXT_INVALID',
    what: 'did not make this wrapped key, or it is damaged',
    remedy: 'Check that the volume names the KMS that wrapped its key; else restore its metadata from a backup.',
  },
  'InvalidSignatureException SignatureDoesNotMatch IncompleteSignature RequestExpired': {
    code: 'KMS_DENIED',
    what: 'does not accept the signature',
    remedy: 'Check the secret access key, and that the clock of the node is right.',
  },
  'UnrecognizedClientException InvalidClientTokenId MissingAuthenticationToken ExpiredTokenException ExpiredToken': {
    code: 'KMS_DENIED',
    what: 'does not accept the credentials',
    remedy: 'Replace the access key in the Secret; a session token lives for hours only.',
  },
  'AccessDeniedException AccessDenied': {
    code: 'KMS_DENIED',
    what: 'denies the call',
    remedy: 'Allow kms:Encrypt and kms:Decrypt on the key, in its policy and for this identity.',
  },
  'ThrottlingException LimitExceededException RequestLimitExceeded TooManyRequestsException': {
    code: 'KMS_THROTTLED',
    what: 'asks for fewer requests',
    remedy: 'Raise the quota of cryptographic operations of the account, or spread the calls over more time.',
  },
  'DependencyTimeoutException KMSInternalException KeyUnavailableException InternalFailure ServiceUnavailable': {
    code: 'KMS_UNREACHABLE',
    what: 'cannot answer at present',
    remedy: 'Look at the status of the service; the call can then be repeated.',
  },
};
