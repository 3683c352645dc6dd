/**
 * The part of the benchmark `io` that needs dm-crypt: runs as root, natively or in the guest, as one bundled file. Measures
 * with fio, past the page cache, on the device that it is given, or on memory. Prints one line of JSON: bytes a second.
 */
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLuks, type LuksParameters } from '../lib/schema/luks-parameters';
import { Semaphore } from '../runtime/async/semaphore';
import { blockSizeBytes } from '../runtime/device/block-size';
import { newDek } from '../runtime/kms/limits';
import { Cryptsetup, headerBytes } from '../runtime/luks/cryptsetup';
import { run } from '../runtime/process/run';
import { type IoSamples, type IoSide, type IoWorkload, ioSides, ioWorkloads } from './io-sides';

const mebibyte = 1024 * 1024;
/** Of memory. */
const memoryBytes = 256 * mebibyte;
/** Of a device that is given: enough to leave the cache of a drive behind. */
const deviceBytes = 4 * 1024 * mebibyte;
const seconds = 2;
const name = `keyward-bench-${process.pid}`;
const cryptsetup = new Cryptsetup({ run, parallel: new Semaphore(1) });

const shapes: Readonly<Record<IoWorkload, readonly string[]>> = {
  'seq write': ['--rw=write', '--bs=128k', '--iodepth=8'],
  'seq read': ['--rw=read', '--bs=128k', '--iodepth=8'],
  'rand write': ['--rw=randwrite', '--bs=4k', '--iodepth=16'],
  'rand read': ['--rw=randread', '--bs=4k', '--iodepth=16'],
};

async function main(rounds: number, given: string | undefined): Promise<void> {
  const memory = given === undefined ? await memoryDevice() : undefined;
  const device = given ?? memory?.device ?? '';
  try {
    await requireUnused(device);
    const sizeBytes = Math.min((await blockSizeBytes(device)) - headerBytes, deviceBytes);
    // What was never written is read more quickly, from some devices.
    await fio(device, ['--rw=write', '--bs=1M', '--iodepth=4'], sizeBytes + headerBytes);
    const samples: IoSamples = {};
    for (let round = 1; round <= rounds; round += 1) {
      process.stderr.write(`round ${round} of ${rounds}\n`);
      // Another one is first in each round, so that a busy minute of the machine, or a warm device, hits all of them.
      for (let turn = 0; turn < ioSides.length; turn += 1) {
        const side = ioSides[(round + turn) % ioSides.length];
        if (side) await measure(side, device, sizeBytes, samples);
      }
    }
    process.stdout.write(`${JSON.stringify(samples)}\n`);
  } finally {
    await memory?.free();
  }
}

async function measure(side: IoSide, device: string, sizeBytes: number, samples: IoSamples): Promise<void> {
  const opened = side === 'raw device' ? device : await openAs(side, device);
  for (const workload of ioWorkloads) {
    const rate = await fio(opened, [...shapes[workload], '--time_based', `--runtime=${seconds}`], sizeBytes);
    const series = `${workload}: ${side}` as const;
    samples[series] = [...(samples[series] ?? []), rate];
  }
  if (opened !== device) await cryptsetup.close(name);
}

/** How long a keyslot takes is no matter here, so all have ours; all have the cipher and key size of ceph-csi. */
async function openAs(side: Exclude<IoSide, 'raw device'>, device: string): Promise<string> {
  // What cryptsetup chooses by itself for an RBD device, and so ceph-csi has.
  const luks: LuksParameters = side === 'ceph-csi' ? { ...defaultLuks, sectorSizeBytes: 512 } : defaultLuks;
  const dek = newDek();
  await cryptsetup.format({ device, uuid: crypto.randomUUID(), luks, dek });
  const both = side === 'keyward, no queues';
  await cryptsetup.open({
    device,
    name,
    dek,
    noReadWorkqueue: both || side === 'keyward, no read queue' || (side === 'keyward' && luks.noReadWorkqueue === true),
    noWriteWorkqueue:
      both || side === 'keyward, no write queue' || (side === 'keyward' && luks.noWriteWorkqueue === true),
  });
  return `/dev/mapper/${name}`;
}

/** @returns bytes a second. */
async function fio(device: string, shape: readonly string[], sizeBytes: number): Promise<number> {
  const args = ['--name=bench', '--thread', '--ioengine=libaio', '--direct=1', '--allow_file_create=0'];
  const all = [...args, `--filename=${device}`, `--size=${sizeBytes}`, ...shape, '--output-format=json'];
  const { stdout } = await run('fio', all, { timeoutMs: 30 * 60_000 });
  const [job]: { read: { bw_bytes: number }; write: { bw_bytes: number } }[] = JSON.parse(
    stdout.slice(stdout.indexOf('{')),
  ).jobs;
  return job ? job.read.bw_bytes + job.write.bw_bytes : Number.NaN;
}

/** The kernel refuses when something is mounted from it or holds it. */
async function requireUnused(device: string): Promise<void> {
  const file = await open(device, constants.O_RDWR | constants.O_EXCL);
  await file.close();
}

async function memoryDevice() {
  const folder = mkdtempSync(join(process.env.KEYWARD_GUEST === '1' ? tmpdir() : '/dev/shm', 'keyward-bench-'));
  const file = join(folder, 'memory');
  await run('truncate', ['--size', `${memoryBytes + headerBytes}`, file]);
  const device = (await run('losetup', ['--find', '--show', file])).stdout.trim();
  const free = async () => {
    await run('losetup', ['--detach', device]);
    rmSync(folder, { recursive: true });
  };
  return { device, free };
}

main(Number(process.argv[2]), process.argv[3]).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
