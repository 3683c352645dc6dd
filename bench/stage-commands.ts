/**
 * The sides of the benchmark `stage` that are sequences of commands, started as the driver starts its own. A small process of
 * its own, because a large one starts others more slowly: what that costs the driver shows, and does not hide, in the ratios.
 * Works for its parent over the channel of Node.js, one request at a time.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLuks } from '../lib/schema/luks-parameters';
import { Semaphore } from '../runtime/async/semaphore';
import { newDek } from '../runtime/kms/limits';
import { Cryptsetup } from '../runtime/luks/cryptsetup';
import { makeFilesystem } from '../runtime/mount/filesystem';
import { type Run, run } from '../runtime/process/run';
import { Secret } from '../runtime/secret';
import type { Answer, Side, Work } from './stage-protocol';

const cephCsiPassphraseBytes = 20;
const cephCsiTimeoutMs = 150_000;

type Begin = Extract<Work, { do: 'begin' }>;

interface Cluster {
  readonly folder: string;
  readonly pool: string;
  readonly access: readonly string[];
  readonly userKey: Secret;
  readonly keyFile: string;
  /** mke2fs knows that a new image reads as zeros; ceph-csi asks it too. */
  readonly knowsZeros: boolean;
}

interface Staged {
  readonly key: Secret;
  readonly device: string;
}

/** Where the time of the present request went. */
const parts: { name: string; durationMs: number }[] = [];
const staged = new Map<string, Staged>();
let cluster: Cluster | undefined;

const timedRun: Run = async (tool, args, options) => {
  const result = await run(tool, args, options);
  parts.push({ name: nameOf(tool, args), durationMs: result.durationMs });
  return result;
};
const ourCryptsetup = new Cryptsetup({ run: timedRun, parallel: new Semaphore(1) });

process.on('message', (work: Work) => {
  answer(work).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: error instanceof Error ? String(error.stack) : String(error) }),
  );
});

async function answer(work: Work): Promise<Answer> {
  parts.length = 0;
  const startedAt = performance.now();
  if (work.do === 'begin') cluster = await begin(work);
  else if (work.do === 'unstage') await unstage(work.image);
  else await sides[work.side][work.do](work.image);
  return { totalMs: performance.now() - startedAt, parts: [...parts] };
}

const sides: Readonly<Record<Side, Readonly<Record<'first' | 'restage', (image: string) => Promise<void>>>>> = {
  'ceph-csi': {
    first: async (image) => {
      const key = cephCsiPassphrase();
      const device = await cephCsiMap(image, key);
      const sizes = ['--luks2-metadata-size', '4096k', '--luks2-keyslots-size', '8192k', '--pbkdf-memory', '32768'];
      await blkid(device);
      const format = ['-q', 'luksFormat', '--type', 'luks2', '--hash', 'sha256', ...sizes, device, '-d', '-'];
      await cryptsetup(format, key);
      await cephCsiOpen(image, device, key);
    },
    restage: async (image) => {
      const { key } = stagedOf(image);
      await cephCsiOpen(image, await cephCsiMap(image, key), key);
    },
  },
  floor: {
    first: async (image) => {
      const key = newDek();
      const device = await map(image, '-', key);
      await ourCryptsetup.format({ device, uuid: randomUUID(), luks: defaultLuks, dek: key });
      await ourCryptsetup.open({ device, name: image, dek: key });
      await makeFilesystem(timedRun, { device: `/dev/mapper/${image}`, type: 'ext4', uuid: randomUUID() });
      await mount(image, 'defaults');
    },
    restage: async (image) => {
      const { key } = stagedOf(image);
      const device = await map(image, '-', key);
      await ourCryptsetup.open({ device, name: image, dek: key });
      await mount(image, 'defaults');
    },
  },
};

async function begin({ folder, pool, monitors, userId, userKey }: Begin): Promise<Cluster> {
  const keyFile = join(folder, 'keyfile');
  writeFileSync(keyFile, userKey, { mode: 0o600 });
  const trial = join(folder, 'trial');
  writeFileSync(trial, Buffer.alloc(4 * 1024 * 1024));
  const tried = await run('mkfs.ext4', ['-Eassume_storage_prezeroed=1', trial], { okExitCodes: [0, 1] });
  const access = ['-c', '/dev/null', '--id', userId, '-m', monitors];
  return { folder, pool, access, userKey: Secret.fromText(userKey), keyFile, knowsZeros: tried.exitCode === 0 };
}

/** 28 characters, of 20 random bytes (docs/compatibility.md). */
function cephCsiPassphrase(): Secret {
  return Secret.fromText(
    randomBytes(cephCsiPassphraseBytes).toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
  );
}

function cephCsiMap(image: string, key: Secret): Promise<string> {
  return map(image, begun().keyFile, key);
}

/** What follows the mapping on each stage: is it open, open it, is a filesystem there, make it, mount it. */
async function cephCsiOpen(image: string, device: string, key: Secret): Promise<void> {
  const mapped = `/dev/mapper/${image}`;
  await timedRun('cryptsetup', ['status', image], { okExitCodes: [0, 4] });
  await cryptsetup(['luksOpen', device, image, '--disable-keyring', '-d', '-'], key);
  if ((await blkid(mapped)) === '') {
    const zeros = begun().knowsZeros ? 'assume_storage_prezeroed=1' : 'lazy_itable_init=1,lazy_journal_init=1';
    await timedRun('mkfs.ext4', ['-m0', `-Enodiscard,${zeros}`, mapped]);
  }
  await mount(image, '_netdev');
}

/** Nothing is printed where nothing is found. */
async function blkid(device: string): Promise<string> {
  const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
  return (await timedRun('blkid', args, { okExitCodes: [0, 2] })).stdout;
}

function cryptsetup(args: readonly string[], key: Secret) {
  return timedRun('cryptsetup', args, { stdin: [key], timeoutMs: cephCsiTimeoutMs });
}

async function map(image: string, keyFile: string, key: Secret): Promise<string> {
  const { access, pool, userKey } = begun();
  const from = ['--device-type', 'krbd', '--options', 'noudev'];
  const args = [...access, `--keyfile=${keyFile}`, 'map', `${pool}/${image}`, ...from];
  const { stdout } = await timedRun('rbd', args, keyFile === '-' ? { stdin: [userKey] } : {});
  const device = stdout.trim();
  staged.set(image, { key, device });
  return device;
}

async function mount(image: string, options: string): Promise<void> {
  const target = mountPoint(image);
  mkdirSync(target, { recursive: true });
  await timedRun('mount', ['-t', 'ext4', '-o', options, `/dev/mapper/${image}`, target]);
}

async function unstage(image: string): Promise<void> {
  await run('umount', [mountPoint(image)]);
  await run('cryptsetup', ['close', image]);
  const number = stagedOf(image).device.slice('/dev/rbd'.length);
  await run('tee', ['/sys/bus/rbd/remove_single_major'], { stdin: [Buffer.from(number)] });
}

function mountPoint(image: string): string {
  return join(begun().folder, image);
}

function begun(): Cluster {
  if (!cluster) throw new Error('the first request is to begin');
  return cluster;
}

function stagedOf(image: string): Staged {
  const found = staged.get(image);
  if (!found) throw new Error(`${image} was never staged`);
  return found;
}

/** `cryptsetup luksFormat`, `rbd map`, `mount`. */
function nameOf(tool: string, args: readonly string[]): string {
  const verb = args.find((arg) => ['luksFormat', 'luksOpen', 'open', 'status', 'map'].includes(arg));
  return verb === undefined ? tool : `${tool} ${verb}`;
}
