/**
 * cryptsetup, one short method a verb. Keys travel on standard input only; two keys share it and are told apart by their
 * sizes. With format-args.ts the only place with cryptsetup's flags, always the long ones. What exit codes mean is in exit.ts.
 */
import type { LuksParameters } from '../../lib/schema/volume-parameters';
import { Semaphore } from '../async/semaphore';
import { blockSizeBytes } from '../device/block-size';
import { CodedError, isCoded } from '../errors';
import { type Run, type RunOptions, type RunResult, ToolError } from '../process/run';
import type { Secret } from '../secret';
import { explain, opensNothing, unlockedSlot, type Verb, wasDone } from './exit';
import { derivation, formatArgs } from './format-args';
import { readHeader } from './header';
import { findMapping, listAbandoned, lowerHalf } from './mapping';

export { headerBytes } from './format-args';

export interface CryptsetupDeps {
  readonly run: Run;
  /** Bounds the memory and CPU of all calls together (R12). */
  readonly parallel: Semaphore;
  /** For each call, waiting for its turn not included. @default 150,000, as ceph-csi */
  readonly timeoutMs?: number;
}

export interface FormatRequest {
  readonly device: string;
  readonly uuid: string;
  readonly luks: LuksParameters;
  readonly dek: Secret;
}

export interface OpenRequest {
  readonly device: string;
  /** Of the mapping: /dev/mapper/`name`. */
  readonly name: string;
  readonly dek: Secret;
  readonly readOnly?: boolean;
  /** Lets the storage reclaim what is deleted, and lets it see which parts of the volume are in use. */
  readonly discards?: boolean;
  /** Decrypts in the context that ends the read, not in a work queue of its own: less latency on quick devices. From Linux 5.9. */
  readonly noReadWorkqueue?: boolean;
  /** The same for encryption. */
  readonly noWriteWorkqueue?: boolean;
  /** Try only this one. */
  readonly keyslot?: number;
}

export interface AddKeyRequest {
  readonly device: string;
  /** A key that opens the device already. */
  readonly authDek: Secret;
  readonly newDek: Secret;
  /** Where the new key goes; must be free. */
  readonly keyslot: number;
  /** How the new keyslot is derived. */
  readonly luks: LuksParameters;
}

/**
 * With integrity protection a sector that was never written cannot be read, and mkfs fails over it (seen with
 * --integrity-no-wipe), so luksFormat writes the whole device. That takes hours on a large one: it has turns of its own,
 * lest it hold up the opens, and a limit that a device with this rate keeps.
 */
const wipesAtOnce = 2;
const slowestWipeBytesPerMs = (8 * 1024 * 1024) / 1000;

/** Every method throws a CodedError from the table in exit.ts, TOOL_TIMEOUT, TOOL_MISSING or ABORTED. */
export class Cryptsetup {
  readonly #run: Run;
  readonly #parallel: Semaphore;
  readonly #timeoutMs: number;
  readonly #wiping = new Semaphore(wipesAtOnce);

  constructor({ run, parallel, timeoutMs = 150_000 }: CryptsetupDeps) {
    this.#run = run;
    this.#parallel = parallel;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Overwrites the start of the device with a new header whose keyslot 0 the key opens; with integrity protection also all
   * of its data. May be repeated, and with integrity protection must be after a kill: the header is whole before the data is.
   */
  async format({ device, uuid, luks, dek }: FormatRequest, signal?: AbortSignal): Promise<void> {
    const command = ['luksFormat', ...formatArgs(uuid, luks), '--key-file', '-', device];
    if (luks.integrity === undefined) return void (await this.#call('format', command, { stdin: [dek] }, signal));
    for (const abandoned of await listAbandoned(uuid)) await this.close(abandoned, signal);
    const timeoutMs = this.#timeoutMs + Math.ceil((await blockSizeBytes(device)) / slowestWipeBytesPerMs);
    await this.#call('format', command, { stdin: [dek], timeoutMs }, signal, this.#wiping);
  }

  /** Maps the device to /dev/mapper/`name`. @throws LUKS_MAPPING_CONFLICT a mapping of that name is open: look at it first. */
  async open(
    { device, name, dek, readOnly, discards, noReadWorkqueue, noWriteWorkqueue, keyslot }: OpenRequest,
    signal?: AbortSignal,
  ): Promise<void> {
    const flags = [
      ...(readOnly ? ['--readonly'] : []),
      ...(discards ? ['--allow-discards'] : []),
      ...(noReadWorkqueue ? ['--perf-no_read_workqueue'] : []),
      ...(noWriteWorkqueue ? ['--perf-no_write_workqueue'] : []),
      ...slot(keyslot),
    ];
    const args = [
      'open',
      '--type',
      'luks2',
      '--disable-keyring',
      ...untrustedTokens,
      ...flags,
      '--key-file',
      '-',
      device,
      name,
    ];
    try {
      await this.#call('open', args, { stdin: [dek] }, signal);
    } catch (error) {
      // What is in the way may be the lower half alone, of a mapping whose upper half is gone or never came.
      if (!isCoded(error, 'DEVICE_BUSY') || (await findMapping(name)) || !(await findMapping(lowerHalf(name))))
        throw error;
      await this.close(name, signal);
      await this.#call('open', args, { stdin: [dek] }, signal);
    }
  }

  /** No error when it is not open. Also what a kill left of it. @throws DEVICE_BUSY while something uses the mapping. */
  async close(name: string, signal?: AbortSignal): Promise<void> {
    await unlessDone(this.#call('close', ['close', name], {}, signal));
    if (await findMapping(lowerHalf(name)))
      await unlessDone(this.#call('close', ['close', lowerHalf(name)], {}, signal));
  }

  /**
   * Makes an open mapping as large as its device. Needs no key, so that an outage of the KMS stops no expansion; only a
   * mapping that was opened by others, with the volume key in the kernel's keyring, wants it.
   * @throws VOLUME_NOT_STAGED the mapping is not open; REQUEST_INVALID it has integrity protection.
   */
  async resize(name: string, dek?: Secret, signal?: AbortSignal): Promise<void> {
    const key = dek === undefined ? [] : ['--key-file', '-'];
    await this.#call(
      'resize',
      ['resize', ...untrustedTokens, ...key, name],
      dek === undefined ? {} : { stdin: [dek] },
      signal,
    );
  }

  /**
   * A test open: nothing is mapped and nothing cached.
   * @returns the keyslot that the key opened; undefined when it opens none, or not the given one.
   */
  async testKey(device: string, dek: Secret, keyslot?: number, signal?: AbortSignal): Promise<number | undefined> {
    const args = [
      'open',
      '--test-passphrase',
      '--verbose',
      '--type',
      'luks2',
      ...untrustedTokens,
      ...slot(keyslot),
      '--key-file',
      '-',
      device,
    ];
    try {
      const { stdout } = await this.#call('testKey', args, { stdin: [dek] }, signal);
      return unlockedSlot(stdout);
    } catch (error) {
      if (opensNothing(error, keyslot)) return undefined;
      throw error;
    }
  }

  /** @throws LUKS_KEYSLOT_OCCUPIED, LUKS_PASSPHRASE_REJECTED for the old key. */
  async addKey({ device, authDek, newDek, keyslot, luks }: AddKeyRequest, signal?: AbortSignal): Promise<void> {
    const sizes = ['--keyfile-size', `${authDek.lengthBytes}`, '--new-keyfile-size', `${newDek.lengthBytes}`];
    const args = [
      'luksAddKey',
      '--batch-mode',
      ...derivation(luks),
      '--key-file',
      '-',
      ...sizes,
      ...slot(keyslot),
      device,
      '-',
    ];
    await this.#call('addKey', args, { stdin: [authDek, newDek] }, signal);
  }

  /**
   * Destroys a keyslot; no error when it is gone. cryptsetup accepts the key of the doomed slot itself, even of the last
   * one, so first it is proven that `authDek` opens another slot: a volume that no key opens cannot come of this.
   * @throws LUKS_PASSPHRASE_REJECTED the key opens no other slot.
   */
  async killSlot(device: string, keyslot: number, authDek: Secret, signal?: AbortSignal): Promise<void> {
    const { keyslots } = await readHeader(device);
    if (!keyslots.some((it) => it.id === keyslot)) return;
    await this.#requireOtherSlot(
      device,
      keyslot,
      authDek,
      keyslots.map((it) => it.id),
      signal,
    );
    const args = ['luksKillSlot', '--batch-mode', '--key-file', '-', device, `${keyslot}`];
    await unlessDone(this.#call('killSlot', args, { stdin: [authDek] }, signal));
  }

  /** Gives a closed device another UUID, for example a clone. */
  async setUuid(device: string, uuid: string, signal?: AbortSignal): Promise<void> {
    await this.#call('setUuid', ['luksUUID', '--batch-mode', '--uuid', uuid, device], {}, signal);
  }

  /** Stores a token under `tokenId`; the JSON names keyslots, which must exist. @throws LUKS_TOKEN_INVALID also when it is there and not to be replaced. */
  async importToken(
    device: string,
    json: string,
    tokenId: number,
    { replace }: { readonly replace: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const flags = ['--token-id', `${tokenId}`, ...(replace ? ['--token-replace'] : [])];
    await this.#call(
      'importToken',
      ['token', 'import', '--json-file', '-', ...flags, device],
      { stdin: [Buffer.from(json)] },
      signal,
    );
  }

  /** No error when it is gone. */
  async removeToken(device: string, tokenId: number, signal?: AbortSignal): Promise<void> {
    const args = ['token', 'remove', '--token-id', `${tokenId}`, device];
    await unlessDone(this.#call('removeToken', args, {}, signal));
  }

  async #requireOtherSlot(
    device: string,
    doomed: number,
    dek: Secret,
    slots: readonly number[],
    signal?: AbortSignal,
  ): Promise<void> {
    const opened = await this.testKey(device, dek, undefined, signal);
    if (opened !== undefined && opened !== doomed) return;
    for (const other of opened === undefined ? [] : slots.filter((it) => it !== doomed)) {
      if ((await this.testKey(device, dek, other, signal)) !== undefined) return;
    }
    throw new CodedError('LUKS_PASSPHRASE_REJECTED', `the key opens no keyslot of ${device} other than ${doomed}`, {
      remedy: 'The keyslot was kept. Remove it with a key that opens another one.',
    });
  }

  #call(
    verb: Verb,
    args: readonly string[],
    options: RunOptions,
    signal?: AbortSignal,
    turns = this.#parallel,
  ): Promise<RunResult> {
    const all: RunOptions = { timeoutMs: this.#timeoutMs, ...options, ...(signal && { signal }) };
    return turns.run(async () => {
      try {
        return await this.#run('cryptsetup', args, all);
      } catch (error) {
        throw error instanceof ToolError ? explain(verb, error) : error;
      }
    }, signal);
  }
}

/** The header is not trusted, so no plug-in that it names is loaded. */
const untrustedTokens = ['--disable-external-tokens'];

function slot(keyslot: number | undefined): string[] {
  return keyslot === undefined ? [] : ['--key-slot', `${keyslot}`];
}

async function unlessDone(call: Promise<RunResult>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!wasDone(error)) throw error;
  });
}
