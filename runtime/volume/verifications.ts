/**
 * When the key of each volume was last proven to open it (volume/verify.ts), and with what result. One small file a volume
 * in the state of the node, beside what is staged; losing it costs nothing but the next proof.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { parseRecord } from '../device/record-schema';
import { readIfPresent, writeDurably } from '../files/durable-file';

const schema = z.strictObject({
  version: z.literal(1),
  id: z.string().min(1),
  /** RFC 3339. */
  at: z.iso.datetime({ offset: true }),
  /** `OK`, or the code of the error. */
  outcome: z.string().min(1).max(64),
});

export type Verification = Readonly<z.infer<typeof schema>>;

/**
 * What says that the volume cannot be opened now. An outage of the KMS, or a volume that is busy, says nothing of the key.
 */
export function isFailure({ outcome }: Pick<Verification, 'outcome'>): boolean {
  return /^(LUKS_|DEVICE_LOST|KMS_KEY_NOT_FOUND|KMS_CIPHERTEXT)/.test(outcome);
}

export class Verifications {
  readonly #folder: string;

  /** @param stateDirectory what survives a restart of the pod. */
  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'verified');
  }

  /** Undefined when it was never verified on this node. @throws CodedError RECORD_INVALID. */
  async last(id: string): Promise<Verification | undefined> {
    const text = await readIfPresent(this.#path(id));
    return text === undefined ? undefined : parseRecord(schema, text, `the verification of ${id}`);
  }

  put(verification: Omit<Verification, 'version'>): Promise<void> {
    return writeDurably(this.#path(verification.id), `${JSON.stringify({ version: 1, ...verification })}\n`);
  }

  #path(id: string): string {
    return join(this.#folder, `${createHash('sha256').update(id).digest('hex')}.json`);
  }
}
