/** Kubernetes KMS v1: one call for each object that is written. Always transit's text, as v1 has no place for a wrapped KEK. */
import { CodedError } from '../errors';
import type { KeyManagementService } from '../grpc/gen/kms_v1beta1_pb';
import type { UnaryHandlers } from '../grpc/unary-server';
import { checkCiphertext, checkPlaintext, transitText } from './limits';
import type { RemoteKey } from './remote-key';

const apiVersion = 'v1beta1';

export function v1Handlers(remote: RemoteKey, version: string): UnaryHandlers<typeof KeyManagementService> {
  return {
    version: async (request) => {
      checkVersion(request.version);
      return { version: apiVersion, runtimeName: 'keyward', runtimeVersion: version };
    },

    encrypt: async (request, call) => {
      checkVersion(request.version);
      checkPlaintext(request.plain);
      const { text } = await remote.encrypt(request.plain, call);
      return { cipher: Buffer.from(text, 'latin1') };
    },

    decrypt: async (request, call) => {
      checkVersion(request.version);
      checkCiphertext(request.cipher);
      return { plain: await remote.decrypt(transitText(request.cipher, ''), call) };
    },
  };
}

/** An API server always says it; some tools leave it out. */
function checkVersion(version: string): void {
  if (version === apiVersion || version === '') return;
  throw new CodedError('REQUEST_INVALID', `the API version ${JSON.stringify(version.slice(0, 20))} is not served`, {
    remedy: `Call with version ${apiVersion}, or use the v2 service.`,
  });
}
