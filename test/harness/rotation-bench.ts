/**
 * Volumes on plain files with their keys in real KMSs, and rotations of them in processes that die. What is looked at
 * afterwards is opened anew, from the files and the KMS, by the process of the test.
 */
import { createDecipheriv, createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeKmsConfig, type KmsSettings, settleKms } from '../../lib/schema/kms';
import { defaultLuks } from '../../lib/schema/luks-parameters';
import { passphraseSecretKey } from '../../lib/schema/names';
import { headerBytes } from '../../runtime/luks/cryptsetup';
import { run } from '../../runtime/process/run';
import type { Secret } from '../../runtime/secret';
import type { VolumeDeps } from '../../runtime/volume/context';
import { createVolume } from '../../runtime/volume/create';
import { bundle } from '../../tools/bundle';
import { initialiseOnFile, opens, storedDek, volume } from './driver-facts';
import { type Death, type Orders, type Outcome, rotateInProcess } from './rotation-process';
import { type RotationKind, rotationParts } from './rotation-worker';

const MiB = 1024 * 1024;
const sectorBytes = defaultLuks.sectorSizeBytes;

export class RotationBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'kw-rotation-'));
  readonly #program = join(this.folder, 'worker.cjs');
  #kills = 0;

  /** How many workers were killed. */
  get kills(): number {
    return this.#kills;
  }

  /** The folder of mounted Secrets. */
  get secrets(): string {
    return join(this.folder, 'secrets');
  }

  /** The program, and `metadata` with a passphrase in a file, besides the KMSs that are given. */
  async start(kms: ReadonlyMap<string, KmsSettings> = new Map()): Promise<void> {
    bundle('test/harness/rotation-worker.ts', this.#program);
    this.putSecret('keyward', 'passphrase', { [passphraseSecretKey]: 'a passphrase for tests' });
    const metadata = settleKms('metadata', {
      type: 'metadata',
      secretName: 'passphrase',
      secretNamespace: 'keyward',
    });
    writeFileSync(join(this.folder, 'kms.json'), encodeKmsConfig(new Map([['metadata', metadata], ...kms])));
  }

  /** Mounts a Secret, as the kubelet would. */
  putSecret(namespace: string, name: string, data: Readonly<Record<string, string>>): void {
    const folder = join(this.secrets, namespace, name);
    mkdirSync(folder, { recursive: true });
    for (const [key, value] of Object.entries(data)) writeFileSync(join(folder, key), value, { mode: 0o600 });
  }

  /** A second look, which remembers nothing of the first. */
  parts(): Promise<VolumeDeps> {
    return rotationParts(this.folder);
  }

  async looking<T>(look: (deps: VolumeDeps) => Promise<T>): Promise<T> {
    const deps = await this.parts();
    return look(deps).finally(() => deps.kms.close());
  }

  /** A volume that was used. */
  async volume(kmsId: string): Promise<string> {
    const id = await this.newVolume(kmsId);
    await this.looking((deps) => initialiseOnFile(deps, id));
    return id;
  }

  /** One that was never used. */
  newVolume(kmsId: string, sizeBytes = 16 * MiB): Promise<string> {
    return this.looking(async (deps) => {
      const parameters = { encrypted: true, kmsId, owner: 'shop', luks: defaultLuks } as const;
      const range = { requiredBytes: sizeBytes };
      const call = { secrets: new Map<string, Secret>() };
      const { id } = await createVolume(deps, { name: randomUUID(), range, accessType: 'mount', parameters }, call);
      return id;
    });
  }

  /** Whether the key that the KMS has now opens the volume, asked from nothing. */
  opensCold(id: string): Promise<boolean> {
    return this.looking(async (deps) => {
      using dek = await storedDek(deps, volume(id));
      return await opens(deps, volume(id), dek);
    });
  }

  /** What the volume holds, decrypted here with its volume key: no mapping is needed, so none can be wrong. */
  plaintextHash(id: string): Promise<string> {
    return this.looking(async (deps) => {
      using dek = await storedDek(deps, volume(id));
      return await deps.backEnd.images.withHeader(volume(id), async (path) => plaintextHash(path, dek));
    });
  }

  /** Rotates in a process of its own; with a death ordered it is expected to die there. @throws Error when it did not. */
  async rotate(kind: RotationKind, id: string, death?: Death, { mayEnd = false } = {}): Promise<Outcome> {
    const outcome = await this.rotateUnder(kind, id, { death });
    const { exitCode, signal, stderr } = outcome;
    if (death && signal !== 'SIGKILL' && !(mayEnd && exitCode === 0))
      throw new Error(`was to die at ${JSON.stringify(death)}: ${exitCode} ${stderr}`);
    return outcome;
  }

  /** Rotates in a process of its own, whatever becomes of it. */
  async rotateUnder(kind: RotationKind, id: string, orders: Orders): Promise<Outcome> {
    const outcome = await rotateInProcess(this.#program, this.folder, [kind, id], orders);
    if (outcome.signal === 'SIGKILL') this.#kills += 1;
    return outcome;
  }

  stop(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** aes-xts-plain64 with sectors of 4096 bytes: the tweak counts 512-byte sectors. */
async function plaintextHash(path: string, dek: Secret): Promise<string> {
  const args = ['luksDump', '--dump-volume-key', '--batch-mode', '--key-file', '-', path];
  const { stdout } = await run('cryptsetup', args, { stdin: [dek] });
  const key = Buffer.from(stdout.slice(stdout.indexOf('MK dump:') + 8).replace(/[^0-9a-f]/g, ''), 'hex');
  const image = readFileSync(path).subarray(headerBytes);
  const hash = createHash('sha256');
  for (let at = 0; at < image.length; at += sectorBytes) {
    const tweak = Buffer.alloc(16);
    tweak.writeBigUInt64LE(BigInt(at / 512));
    const cipher = createDecipheriv('aes-256-xts', key, tweak);
    hash.update(cipher.update(image.subarray(at, at + sectorBytes))).update(cipher.final());
  }
  return hash.digest('hex');
}
