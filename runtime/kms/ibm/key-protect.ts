/** Wrapping by a root key of IBM Key Protect: https://cloud.ibm.com/apidocs/key-protect#wrapkey */
import * as z from 'zod';
import { JsonService, textMember } from '../../http/json-service';
import type { Meaning } from '../../http/service-error';
import type { Secret } from '../../secret';

export interface KeyProtectOptions {
  readonly baseUrl: string;
  readonly serviceInstanceId: string;
}

export interface KeyAction {
  /** Id of the root key. */
  readonly keyId: string;
  readonly token: Secret;
  /** Additional authenticated data: must be the same for wrapping and unwrapping. */
  readonly aad: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

const wrapped = z.object({
  ciphertext: z
    .string()
    .min(1)
    .max(64 * 1024),
});
const unwrapped = z.object({ plaintext: z.string().min(1) });

/** Both methods throw ServiceErrors, and CodedErrors ABORTED. */
export class KeyProtect {
  readonly #service: JsonService;
  readonly #serviceInstanceId: string;

  constructor({ baseUrl, serviceInstanceId }: KeyProtectOptions) {
    this.#service = new JsonService({ service: 'IBM Key Protect', address: baseUrl, errorCodeOf, meaningOf });
    this.#serviceInstanceId = serviceInstanceId;
  }

  /** @param plaintext base64. Gives the ciphertext as the text that the service gives. */
  async wrap(plaintext: string, action: KeyAction): Promise<string> {
    return (await this.#act('wrap', { plaintext }, wrapped, action)).ciphertext;
  }

  /** Gives base64. */
  async unwrap(ciphertext: string, action: KeyAction): Promise<string> {
    return (await this.#act('unwrap', { ciphertext }, unwrapped, action)).plaintext;
  }

  close(): void {
    this.#service.close();
  }

  async #act<S extends z.ZodType>(
    name: 'wrap' | 'unwrap',
    input: Readonly<Record<string, string>>,
    shape: S,
    { keyId, token, aad, signal }: KeyAction,
  ): Promise<z.output<S>> {
    const headers = {
      authorization: `Bearer ${token.use((bytes) => bytes.toString('latin1'))}`,
      'bluemix-instance': this.#serviceInstanceId,
      'content-type': 'application/vnd.ibm.kms.key_action+json',
      accept: 'application/vnd.ibm.kms.key_action+json',
    };
    const path = `api/v2/keys/${encodeURIComponent(keyId)}/actions/${name}`;
    const body = JSON.stringify({ ...input, aad });
    const meanings = name === 'unwrap' ? badCiphertext : {};
    const request = { method: 'POST', path, headers, body, shape, meanings, ...(signal && { signal }) } as const;
    return (await this.#service.request(request)) as z.output<S>;
  }
}

/** `{"resources": [{"errorMsg": …, "reasons": [{"code": …}]}]}` */
function errorCodeOf(body: unknown): string | undefined {
  return textMember(body, 'resources', '0', 'reasons', '0', 'code');
}

function meaningOf(errorCode: string): Meaning | undefined {
  return Object.entries(meanings).find(([codes]) => codes.split(' ').includes(errorCode))?.[1];
}

const notWrappedHere: Meaning = {
  code: 'KMS_CIPHERTEXT_INVALID',
  what: 'did not make this wrapped key, or it is damaged or of another volume',
  remedy: 'Check that the volume names the KMS that wrapped its key; else restore its metadata from a backup.',
};

/** An unwrapping carries nothing else that could be a wrong field. */
const badCiphertext = { UNPROCESSABLE_CIPHERTEXT_ERR: notWrappedHere, INVALID_FIELD_ERR: notWrappedHere };

/** Reason codes of https://cloud.ibm.com/docs/key-protect?topic=key-protect-error-messages */
const meanings: Readonly<Record<string, Meaning>> = {
  KEY_NOT_FOUND_ERR: {
    code: 'KMS_KEY_NOT_FOUND',
    what: 'does not know the root key',
    remedy: 'Correct IBM_KP_CUSTOMER_ROOT_KEY in the Secret and IBM_KP_SERVICE_INSTANCE_ID in the configuration.',
  },
  'KEY_ACTION_INVALID_STATE_ERR KEY_INVALID_STATE_ERR KEY_EXPIRED_ERR KEY_DELETED_ERR': {
    code: 'KMS_DENIED',
    what: 'has the root key in a state that does not allow this',
    remedy: 'Enable the root key; one that was deleted can be restored for 30 days.',
  },
  KEY_ROOT_REQ_ERR: {
    code: 'CONFIG_INVALID',
    what: 'has a key that is no root key',
    remedy: 'Name a root key in IBM_KP_CUSTOMER_ROOT_KEY of the Secret.',
  },
  'UNAUTHORIZED_ERR FORBIDDEN_ERR': {
    code: 'KMS_DENIED',
    what: 'denies the call',
    remedy: 'Give the identity of the API key the role Writer on the instance or the key.',
  },
};
