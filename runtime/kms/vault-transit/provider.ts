/**
 * KMS type `vaulttransit` (R7): transit wraps each key. The stored text is transit's own, `vault:v<version>:…`, which tells
 * with which version of the key it was made. The volume id is authenticated with it, so that a copy does not unwrap for
 * another volume.
 */
import type { VaultTransitKmsSettings } from '../../../lib/schema/kms';
import { deadline } from '../../async/deadline';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import { ciphertextVersion, type Outcome, Transit } from '../../vault/transit';
import type { CallContext, KeyReference, RewrapsKeys, WrapsKeys } from '../provider';
import { VaultClients } from '../vault/clients';

/** Holds where the caller sets no deadline. */
const longestMs = 30_000;

export function vaultTransitProvider(settings: VaultTransitKmsSettings): WrapsKeys & RewrapsKeys {
  const { namespace, transitPath: mount, keyName: key } = settings;
  const clients = new VaultClients(settings);

  const withTransit = async <T>(
    ctx: CallContext,
    use: (transit: Transit, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => use(new Transit(await clients.get(ctx), { namespace, mount, key }), deadline(longestMs, ctx.signal));

  const wrap: WrapsKeys['wrap'] = (ref, dek, ctx) =>
    withTransit(ctx, async (transit, signal) => {
      const plaintext = dek.use((bytes) => Buffer.from(bytes));
      try {
        const wrapped = one(await transit.encrypt([plaintext], signal, bindingOf(ref)));
        if (ciphertextVersion(wrapped) !== undefined) return wrapped;
        throw new CodedError('KMS_ANSWER_INVALID', 'what transit gave for a key is no ciphertext of transit', {
          remedy: 'Check that the address is the one of a Vault or OpenBao, and what stands between it and this node.',
        });
      } finally {
        plaintext.fill(0);
      }
    });

  const unwrap: WrapsKeys['unwrap'] = async (ref, wrapped, ctx) => {
    if (ciphertextVersion(wrapped) === undefined) {
      throw new CodedError('KMS_CIPHERTEXT_INVALID', 'the wrapped key is not in the form of the vaulttransit KMS', {
        remedy: 'Check that the volume names the KMS that wrapped its key; else restore its metadata from a backup.',
      });
    }
    return withTransit(ctx, async (transit, signal) =>
      Secret.take(one(await transit.decrypt([wrapped], signal, bindingOf(ref)))),
    );
  };

  return {
    family: 'wraps',
    wrap,
    unwrap,

    rotateKek: (ctx) => withTransit(ctx, (transit, signal) => transit.rotate(signal)),

    /** Not transit's own rewrap: it takes no associated data (seen with OpenBao 2.4). */
    async rewrap(ref, wrapped, ctx) {
      using dek = await unwrap(ref, wrapped, ctx);
      const next = await wrap(ref, dek, ctx);
      return ciphertextVersion(next) === ciphertextVersion(wrapped) ? wrapped : next;
    },

    async close() {
      clients.close();
    },
  };
}

function bindingOf({ volumeId }: KeyReference) {
  return { associatedData: volumeId };
}

function one<T>(outcomes: readonly Outcome<T>[]): T {
  const [outcome] = outcomes;
  if (outcome?.ok) return outcome.value;
  throw outcome?.error ?? new CodedError('INTERNAL', 'transit gave no outcome for one item', { remedy: 'Report it.' });
}
