/**
 * Volumes on plain files with their keys in real KMSs, and rotations of them in processes that die. What is looked at
 * afterwards is opened anew, from the files and the KMS, by the process of the test.
 */
import { spawn } from 'node:child_process';
import { createDecipheriv, createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import type { OpenBao } from './openbao';
import { type RotationKind, rotationParts } from './rotation-worker';
import { ToolShims } from './tool-shims';

export const benchKms = ['metadata', 'vault', 'vaulttransit'] as const;
export type BenchKms = (typeof benchKms)[number];

const MiB = 1024 * 1024;
const sectorBytes = defaultLuks.sectorSizeBytes;

export interface Outcome {
  readonly exitCode: number | null;
  readonly stderr: string;
  /** Of the operation, in the order in which they were passed. */
  readonly points: readonly string[];
}

/** Where a worker dies: at a point of the operation, or before or after a tool is called with an argument. */
export type Death = { readonly point: string } | { readonly verb: string; readonly when: 'before' | 'after' };

export class RotationBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'kw-rotation-'));
  readonly #program = join(this.folder, 'worker.cjs');
  #kills = 0;

  /** How many workers were killed. */
  get kills(): number {
    return this.#kills;
  }

  /** The program, a passphrase in a file and, with OpenBao, engines and a token there. */
  async start(bao?: OpenBao): Promise<void> {
    bundle('test/harness/rotation-worker.ts', this.#program);
    const secret = join(this.folder, 'secrets/keyward/passphrase');
    mkdirSync(secret, { recursive: true });
    writeFileSync(join(secret, passphraseSecretKey), 'a passphrase for tests');
    const settings = new Map<string, KmsSettings>([
      ['metadata', settleKms('metadata', { type: 'metadata', secretName: 'passphrase', secretNamespace: 'keyward' })],
      ...(bao ? await this.#vaults(bao) : []),
    ]);
    writeFileSync(join(this.folder, 'kms.json'), encodeKmsConfig(settings));
  }

  async #vaults(bao: OpenBao): Promise<readonly (readonly [BenchKms, KmsSettings])[]> {
    await bao.expectOk('POST', 'sys/mounts/keyward', { type: 'kv', options: { version: '2' } });
    await bao.expectOk('POST', 'sys/mounts/transit', { type: 'transit' });
    await bao.expectOk('POST', 'transit/keys/volumes', { type: 'aes256-gcm96' });
    const tokenFile = join(this.folder, 'token');
    writeFileSync(tokenFile, bao.rootToken);
    const auth = { method: 'token', tokenFile } as const;
    const { address } = bao;
    return [
      ['vault', settleKms('vault', { type: 'vault', address, auth, backend: 'kv-v2', backendPath: 'keyward' })],
      ['vaulttransit', settleKms('vaulttransit', { type: 'vaulttransit', address, auth, keyName: 'volumes' })],
    ];
  }

  /** A second look, which remembers nothing of the first. */
  parts(): Promise<VolumeDeps> {
    return rotationParts(this.folder);
  }

  /** A volume that was used. */
  async volume(kmsId: BenchKms): Promise<string> {
    const id = await this.newVolume(kmsId);
    const deps = await this.parts();
    await initialiseOnFile(deps, id).finally(() => deps.kms.close());
    return id;
  }

  /** One that was never used. */
  async newVolume(kmsId: BenchKms, sizeBytes = 16 * MiB): Promise<string> {
    const deps = await this.parts();
    try {
      const parameters = { encrypted: true, kmsId, owner: 'shop', luks: defaultLuks } as const;
      const range = { requiredBytes: sizeBytes };
      const call = { secrets: new Map<string, Secret>() };
      const { id } = await createVolume(deps, { name: randomUUID(), range, accessType: 'mount', parameters }, call);
      return id;
    } finally {
      await deps.kms.close();
    }
  }

  /** Whether the key that the KMS has now opens the volume, asked from nothing. */
  async opensCold(id: string): Promise<boolean> {
    const deps = await this.parts();
    try {
      using dek = await storedDek(deps, volume(id));
      return await opens(deps, volume(id), dek);
    } finally {
      await deps.kms.close();
    }
  }

  /** What the volume holds, decrypted here with its volume key: no mapping is needed, so none can be wrong. */
  async plaintextHash(id: string): Promise<string> {
    const deps = await this.parts();
    try {
      using dek = await storedDek(deps, volume(id));
      return await deps.backEnd.images.withHeader(volume(id), async (path) => plaintextHash(path, dek));
    } finally {
      await deps.kms.close();
    }
  }

  /** Rotates in a process of its own; with a death ordered it is expected to die there. @throws Error when it did not. */
  async rotate(kind: RotationKind, id: string, death?: Death, { mayEnd = false } = {}): Promise<Outcome> {
    const lane = join(this.folder, 'lanes', randomUUID());
    mkdirSync(lane, { recursive: true });
    const shims = death && 'verb' in death ? new ToolShims(lane, ['cryptsetup', 'timeout']) : undefined;
    if (death && 'point' in death) writeFileSync(join(lane, 'kill-at'), death.point);
    if (death && 'verb' in death) {
      // A piece of a re-encryption is called through `timeout`.
      shims?.killAt(death.verb === '--resume-only' ? 'timeout' : 'cryptsetup', death.verb, death.when);
    }
    const path = shims ? `${shims.folder}:${process.env.PATH}` : process.env.PATH;
    const env = { PATH: path, KEYWARD_TEST_POINTS: lane, DM_DISABLE_UDEV: process.env.DM_DISABLE_UDEV };
    const hook = join(__dirname, 'crash-hook.cjs');
    const child = spawn(process.execPath, ['--require', hook, this.#program, this.folder, kind, id], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      child.once('exit', (code, by) => resolve([code, by])),
    );
    const passed = join(lane, 'passed');
    const points = existsSync(passed) ? readFileSync(passed, 'utf8').trim().split('\n') : [];
    rmSync(lane, { recursive: true });
    if (signal === 'SIGKILL') this.#kills += 1;
    if (death && signal !== 'SIGKILL' && !(mayEnd && exitCode === 0))
      throw new Error(`was to die at ${JSON.stringify(death)}: ${exitCode} ${stderr}`);
    return { exitCode, stderr, points };
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
