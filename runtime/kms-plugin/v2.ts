/** Kubernetes KMS v2: Status from memory; Encrypt once for each key id; Decrypt once for each seed that is stored. */
import { CodedError } from '../errors';
import type { KeyManagementService } from '../grpc/gen/kms_v2_pb';
import type { UnaryHandlers } from '../grpc/unary-server';
import type { KeyWatch } from './key-watch';
import { checkCiphertext, checkEnvelope, checkPlaintext, maxV2CiphertextBytes, transitText } from './limits';
import { isLocalCiphertext, kekAnnotation, openLocally } from './local-ciphertext';
import type { LocalKek } from './local-kek';
import type { RemoteKey } from './remote-key';
import type { UnwrappedKeks } from './unwrapped-keks';

export interface V2Deps {
  readonly watch: KeyWatch;
  readonly remote: RemoteKey;
  /** Also without the local-KEK mode: what was written in it stays readable. */
  readonly unwrappedKeks: UnwrappedKeks;
  readonly localKek?: LocalKek;
}

const maxHealthzLength = 400;

export function v2Handlers(deps: V2Deps): UnaryHandlers<typeof KeyManagementService> {
  const { watch, remote, unwrappedKeks, localKek } = deps;
  return {
    status: async () => {
      const { state, trouble } = watch;
      // Without a key id no answer is valid: the error then tells why.
      if (state.phase === 'unknown') throw trouble ?? new Error('the key is unknown without a reason');
      const healthz = trouble ? `${trouble.code}: ${trouble.summary}`.slice(0, maxHealthzLength) : 'ok';
      return { version: 'v2', healthz, keyId: state.keyId };
    },

    encrypt: async ({ plaintext }, call) => {
      checkPlaintext(plaintext);
      if (localKek) {
        const { ciphertext, wrappedKek, keyId } = await localKek.encrypt(plaintext);
        checkSize(ciphertext);
        return { ciphertext, keyId, annotations: { [kekAnnotation]: Buffer.from(wrappedKek, 'latin1') } };
      }
      const { text, keyId } = await remote.encrypt(plaintext, call);
      const ciphertext = Buffer.from(text, 'latin1');
      checkSize(ciphertext);
      return { ciphertext, keyId };
    },

    decrypt: async ({ ciphertext, keyId, annotations }, call) => {
      checkCiphertext(ciphertext);
      checkEnvelope(keyId, annotations);
      const wrappedKek = annotations[kekAnnotation];
      if (wrappedKek !== undefined && isLocalCiphertext(ciphertext)) {
        checkCiphertext(wrappedKek);
        return { plaintext: openLocally(await unwrappedKeks.get(transitText(wrappedKek, keyId)), ciphertext) };
      }
      return { plaintext: await remote.decrypt(transitText(ciphertext, keyId), call) };
    },
  };
}

function checkSize({ length }: Uint8Array): void {
  if (length <= maxV2CiphertextBytes) return;
  throw new CodedError(
    'REQUEST_INVALID',
    `the ciphertext has ${length} bytes, and the KMS API allows ${maxV2CiphertextBytes}`,
    {
      remedy: 'Send a shorter plaintext: an API server sends seeds of 32 bytes.',
    },
  );
}
