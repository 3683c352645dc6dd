/**
 * `cryptsetup reencrypt`, cut into pieces that end by themselves. Between two pieces, and after a kill at any moment, the
 * header says which part of the data is under which volume key, and the same passphrase opens both (LUKS2, resilience by
 * checksums). Nothing may read or write the data while a piece runs: see luks/layer.ts for how an open mapping waits.
 *
 * Seen with cryptsetup 2.6: only the first keyslot of a passphrase is taken over; tokens and keyslots cannot be changed
 * meanwhile; a piece that was killed has to be repaired before the next; its own handling of signals does not end it.
 */
import type { LuksParameters } from '../../lib/schema/luks-parameters';
import { Semaphore } from '../async/semaphore';
import type { Run } from '../process/run';
import type { Secret } from '../secret';
import { type Luks2Header, readHeader } from './header';
import { isReencrypting } from './verify';

export interface ReencryptTarget {
  readonly run: Run;
  /** A block device or an image file. */
  readonly path: string;
  readonly dek: Secret;
  readonly signal?: AbortSignal | undefined;
}

/** Re-encryption reads and writes all data: one piece a process at a time, so that other volumes keep their share of the node. */
const turns = new Semaphore(1);

/** How much is under way at once, and so what a repair has to look at. */
const hotzone = '32M';
/** Of all that is not a piece. */
const timeoutMs = 150_000;
/** What `timeout --foreground` answers when it has killed its command; without it would kill itself as well. */
const cutShort = 137;

/**
 * Puts a second volume key into the header, under the same passphrase; the data stays as it is. The header must have no
 * other keyslot than `dek`'s.
 * @param activeName The open mapping, when there is one.
 */
export async function beginReencryption(
  { run, path, dek, signal }: ReencryptTarget,
  luks: LuksParameters,
  activeName: string | undefined,
): Promise<void> {
  const where = activeName === undefined ? ['--force-offline-reencrypt'] : ['--active-name', activeName];
  const derivation = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', `${luks.pbkdfIterations ?? 1000}`];
  const args = ['--init-only', '--resilience', 'checksum', ...derivation, ...where, path];
  await reencrypt(run, args, dek, signal);
}

/**
 * Converts for `seconds`, or to the end of the data; first finishes by its checksums what an earlier piece was cut short in.
 * `timeout` ends it even when the process that asked has died: what waits for it must not wait for hours. Nothing is done
 * where nothing is left to do.
 */
export async function convertPiece(target: ReencryptTarget, seconds: number): Promise<void> {
  if (!(await repairIfCut(target))) return;
  const { run, path, dek, signal } = target;
  const args = ['--resume-only', '--force-offline-reencrypt', '--hotzone-size', hotzone, path];
  const command = ['--foreground', '--signal=KILL', `${seconds}`, 'cryptsetup', ...reencryptArguments(args)];
  const options = {
    stdin: [dek],
    okExitCodes: [0, cutShort],
    timeoutMs: (seconds + 60) * 1000,
    ...(signal && { signal }),
  };
  await turns.run(() => run('timeout', command, options), signal);
  await repairIfCut(target);
}

/** @returns whether anything is left to convert. */
async function repairIfCut({ run, path, dek, signal }: ReencryptTarget): Promise<boolean> {
  const header = await readHeader(path);
  if (header.segments.some(({ flags }) => flags.includes('in-reencryption'))) {
    const args = ['repair', '--batch-mode', '--disable-keyring', '--key-file', '-', path];
    await turns.run(() => run('cryptsetup', args, { stdin: [dek], timeoutMs, ...(signal && { signal }) }), signal);
  }
  return isReencrypting(header);
}

/** Bytes of data that are under the new volume key, of the data on a device of `deviceBytes`. */
export function convertedBytes({ segments }: Luks2Header, oldKeyslot: number, deviceBytes: number): number {
  return segments
    .filter(({ flags, keyslots }) => flags.length === 0 && keyslots.length > 0 && !keyslots.includes(oldKeyslot))
    .map(({ sizeBytes, offsetBytes }) => (sizeBytes === 'dynamic' ? deviceBytes - offsetBytes : sizeBytes))
    .reduce((sum, each) => sum + each, 0);
}

async function reencrypt(run: Run, args: readonly string[], dek: Secret, signal?: AbortSignal): Promise<void> {
  const options = { stdin: [dek], timeoutMs, ...(signal && { signal }) };
  await turns.run(() => run('cryptsetup', reencryptArguments(args), options), signal);
}

function reencryptArguments(args: readonly string[]): readonly string[] {
  return ['reencrypt', '--batch-mode', '--disable-keyring', '--key-file', '-', ...args];
}
