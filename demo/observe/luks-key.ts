/** The key of a volume as its record and the passphrase give it, and whether a key opens a header: cryptsetup is asked, not the driver. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { deriveKey, open } from '../../runtime/kms/metadata/envelope';
import { run } from '../../runtime/process/run';
import type { Secret } from '../../runtime/secret';

export interface StoredKey {
  readonly dek: Secret;
  /** As the record holds it. */
  readonly wrapped: string;
}

const record = z.object({
  encryption: z.object({ wrappedDek: z.string(), rotation: z.unknown().optional() }),
});

const wrappedKey = z.object({ dek: z.string() });

/** What the record says of the key. */
export async function readKeyRecord(path: string): Promise<{ readonly wrapped: string; readonly isRotating: boolean }> {
  const { encryption } = record.parse(JSON.parse(await readFile(path, 'utf8')));
  return { wrapped: encryption.wrappedDek, isRotating: encryption.rotation !== undefined };
}

/** Unwraps the key that the record holds now. */
export async function storedKey(recordPath: string, volumeId: string, passphrase: Secret): Promise<StoredKey> {
  const { wrapped } = await readKeyRecord(recordPath);
  using key = await deriveKey(passphrase, volumeId);
  return { dek: open(wrapped, key), wrapped };
}

/** Whether the key opens any keyslot of the LUKS2 header in the file or device. */
export async function opens(path: string, { dek }: StoredKey): Promise<boolean> {
  const args = ['open', '--test-passphrase', '--type', 'luks2', '--disable-external-tokens', '--key-file', '-', path];
  const { exitCode } = await run('cryptsetup', args, { stdin: [dek], okExitCodes: [0, 2] });
  return exitCode === 0;
}

/** The part of a wrapped key that is the same however the text around it is quoted. */
export function ciphertextOf({ wrapped }: StoredKey): Buffer {
  return Buffer.from(wrappedKey.parse(JSON.parse(wrapped)).dek);
}
