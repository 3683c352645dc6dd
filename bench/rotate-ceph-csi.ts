/**
 * A rotation as ceph-csi does it, with its commands, once it has its lock and its device: the present passphrase into
 * keyslot 1, a new one into keyslot 0, which is full and therefore tried, killed and filled, then into the KMS; and keyslot 1
 * is killed. Keys go to cryptsetup in files, as there.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../runtime/process/run';
import { Secret } from '../runtime/secret';
import type { OpenBao } from '../test/harness/openbao';

const imageBytes = 32 * 1024 * 1024;
const timeoutMs = 150_000;
const passphraseBytes = 20;

export interface CephCsiOptions {
  /** An empty folder, for the image and the keys. */
  readonly folder: string;
  /** With the KV engine of `vaultKms`. */
  readonly bao: OpenBao;
  /** Arguments that ceph-csi does not give, for keyslots of another cost. @default - the cost is left to cryptsetup */
  readonly derivation?: readonly string[];
}

export class CephCsiRotation {
  readonly #bao: OpenBao;
  readonly #path = `keyward/data/${randomUUID()}`;
  readonly #image: string;
  readonly #oldFile: string;
  readonly #newFile: string;
  readonly #derivation: readonly string[];

  private constructor({ folder, bao, derivation = [] }: CephCsiOptions) {
    this.#bao = bao;
    this.#image = join(folder, 'image');
    this.#oldFile = join(folder, 'luks-old');
    this.#newFile = join(folder, 'luks-new');
    this.#derivation = derivation;
  }

  /** A volume as its first stage leaves it. */
  static async of(options: CephCsiOptions): Promise<CephCsiRotation> {
    const volume = new CephCsiRotation(options);
    const passphrase = newPassphrase();
    await volume.#store(passphrase);
    writeFileSync(volume.#image, '');
    truncateSync(volume.#image, imageBytes);
    const { derivation = ['--pbkdf-memory', '32768'] } = options;
    const sizes = ['--luks2-metadata-size', '4096k', '--luks2-keyslots-size', '8192k', ...derivation];
    const format = ['-q', 'luksFormat', '--type', 'luks2', '--hash', 'sha256', ...sizes, volume.#image, '-d', '-'];
    await run('cryptsetup', format, { stdin: [Secret.fromText(passphrase)], timeoutMs });
    return volume;
  }

  async rotate(): Promise<void> {
    const next = newPassphrase();
    const { body } = await this.#bao.expectOk('GET', this.#path);
    writeFileSync(this.#oldFile, body.data.data.passphrase, { mode: 0o600 });
    writeFileSync(this.#newFile, next, { mode: 0o600 });
    await this.#fill(this.#oldFile, 1);
    await this.#fill(this.#newFile, 0);
    await this.#store(next);
    await this.#kill(this.#newFile, 1);
  }

  async #store(passphrase: string): Promise<void> {
    await this.#bao.expectOk('POST', this.#path, { data: { passphrase } });
  }

  /** Puts the key of a file into a keyslot. */
  async #fill(keyFile: string, slot: number): Promise<void> {
    const add = () => this.#cryptsetup(this.#oldFile, slot, ['luksAddKey', ...this.#derivation], keyFile);
    const { exitCode, stderr } = await add();
    if (exitCode === 0) return;
    if (!stderr.includes(`Key slot ${slot} is full`)) throw new Error(stderr);
    if ((await this.#cryptsetup(keyFile, slot, ['luksChangeKey'], keyFile)).exitCode === 0) return;
    await this.#kill(this.#oldFile, slot);
    const again = await add();
    if (again.exitCode !== 0) throw new Error(again.stderr);
  }

  async #kill(keyFile: string, slot: number): Promise<void> {
    const args = ['--verbose', `--key-file=${keyFile}`, 'luksKillSlot', this.#image, `${slot}`];
    await run('cryptsetup', args, { timeoutMs });
  }

  #cryptsetup(keyFile: string, slot: number, verb: readonly string[], added: string) {
    const args = ['--verbose', `--key-file=${keyFile}`, `--key-slot=${slot}`, ...verb, this.#image, added];
    return run('cryptsetup', args, { timeoutMs, okExitCodes: [0, 1, 2] });
  }
}

/** 28 characters, of 20 random bytes (docs/compatibility.md). */
function newPassphrase(): string {
  return randomBytes(passphraseBytes).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
