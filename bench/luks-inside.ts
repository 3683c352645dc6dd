/**
 * The part of the benchmark `luks` that needs dm-crypt: runs as root, natively or in the guest, as one bundled file.
 * Prints one line of JSON: the samples of each phase, in seconds. Everything happens on sparse files in a temporary folder.
 *
 * Both sides start their tools through the same runner, so its cost is in both.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLuks } from '../lib/schema/luks-parameters';
import { KeyedLock } from '../runtime/async/keyed-lock';
import { Semaphore } from '../runtime/async/semaphore';
import { openLoopBackEnd } from '../runtime/device/loop/loop-back-end';
import { probe } from '../runtime/device/probe';
import type { EncryptionRecord } from '../runtime/device/record';
import { KmsSet } from '../runtime/kms/kms-set';
import { newDek } from '../runtime/kms/limits';
import { mountedSecrets } from '../runtime/kms/mounted-secrets';
import { silentLog } from '../runtime/log';
import { Cryptsetup, headerBytes } from '../runtime/luks/cryptsetup';
import { mappingName } from '../runtime/luks/mapping';
import { Mounts } from '../runtime/mount/mounts';
import { type Run, run } from '../runtime/process/run';
import { Secret } from '../runtime/secret';
import type { VolumeDeps } from '../runtime/volume/context';
import { openMapping, requireSoundHeader } from '../runtime/volume/open';
import { OrphanKeys } from '../runtime/volume/orphans';
import { StageRecords } from '../runtime/volume/stage-record';
import { writeToken } from '../runtime/volume/token';
import { Verifications } from '../runtime/volume/verifications';

type Samples = Record<string, number[]>;

const dataBytes = 64 * 1024 * 1024;
/** They are short, so chance weighs more. */
const opensPerRound = 10;
const cephCsiPassphraseBytes = 20;
const cephCsiTimeoutMs = 150_000;

async function main(rounds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-bench-'));
  try {
    const samples: Samples = {};
    const volumes = await openVolumes(folder, samples);
    for (let round = 1; round <= rounds; round += 1) {
      process.stderr.write(`round ${round} of ${rounds}\n`);
      // In turns, so that a busy minute of the machine hits all of them.
      await cephCsi(volumes, samples);
      await ours(volumes, folder, samples);
    }
    process.stdout.write(`${JSON.stringify(samples)}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Volumes {
  readonly deps: VolumeDeps;
  /** A new volume of its own, attached. */
  create(): Promise<{ readonly id: string; readonly device: string; readonly encryption: EncryptionRecord }>;
  remove(id: string): Promise<void>;
}

async function openVolumes(folder: string, samples: Samples): Promise<Volumes> {
  const backEnd = await openLoopBackEnd({ directory: join(folder, 'volumes'), nodeId: 'bench' }, { run });
  const timedRun: Run = async (tool, args, options) => {
    const result = await run(tool, args, options);
    record(
      samples,
      `  ${tool} ${args[0] === 'open' && args[1] === '--test-passphrase' ? 'test' : args[0]}`,
      result.durationMs,
    );
    return result;
  };
  const deps: VolumeDeps = {
    backEnd,
    kms: new KmsSet(new Map(), { secrets: mountedSecrets(folder) }),
    cryptsetup: new Cryptsetup({ run: timedRun, parallel: new Semaphore(2) }),
    mounts: new Mounts(run),
    run: timedRun,
    stages: new StageRecords(folder),
    orphans: new OrphanKeys(folder),
    verifications: new Verifications(folder),
    locks: new KeyedLock(),
    log: silentLog,
    now: () => new Date(),
  };
  return {
    deps,
    create: async () => {
      const name = randomUUID();
      const id = await backEnd.volumes.reserve(name);
      const encryption = {
        kmsId: 'bench',
        owner: '',
        luksUuid: randomUUID(),
        luks: defaultLuks,
        headerBytes,
        phase: 'prepared',
        fsUuid: randomUUID(),
      } as const;
      await backEnd.volumes.put({
        id,
        name,
        createdAt: new Date().toISOString(),
        sizeBytes: dataBytes,
        accessType: 'block',
        complete: true,
        encryption,
      });
      await backEnd.images.allocate({ kind: 'volume', id }, dataBytes + headerBytes);
      return { id, device: await backEnd.devices.attach(id), encryption };
    },
    remove: async (id) => {
      await backEnd.devices.detach(id);
      await backEnd.images.remove({ kind: 'volume', id });
    },
  };
}

/** The first stage of ceph-csi 3.17: its own arguments and a passphrase of its own form (docs/compatibility.md). */
async function cephCsi({ create, remove }: Volumes, samples: Samples): Promise<void> {
  const { id, device } = await create();
  const name = `luks-rbd-${id}`;
  const passphrase = Secret.fromText(
    randomBytes(cephCsiPassphraseBytes).toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
  );
  const cryptsetup = (args: readonly string[], stdin: Secret[] = [passphrase]) =>
    run('cryptsetup', args, { stdin, timeoutMs: cephCsiTimeoutMs });
  const sizes = ['--luks2-metadata-size', '4096k', '--luks2-keyslots-size', '8192k', '--pbkdf-memory', '32768'];
  await timed(samples, 'ceph-csi: first stage', async () => {
    await timed(samples, '  luksFormat of ceph-csi', () =>
      cryptsetup(['-q', 'luksFormat', '--type', 'luks2', '--hash', 'sha256', ...sizes, device, '-d', '-']),
    );
    await timed(samples, '  luksOpen of ceph-csi', () =>
      cryptsetup(['luksOpen', device, name, '--disable-keyring', '-d', '-']),
    );
  });
  await cryptsetup(['luksClose', name], []);
  await remove(id);
}

/** The first stage of a volume, its next one, and the floor under the latter: a mapping made straight from the volume key. */
async function ours({ deps, create, remove }: Volumes, folder: string, samples: Samples): Promise<void> {
  const { id, device, encryption } = await create();
  const name = mappingName(id);
  const dek = newDek();
  const open = async () => {
    await requireSoundHeader(deps, id, encryption, device);
    await openMapping(deps, id, encryption, device, dek);
  };
  // Not part of the ratio: ceph-csi looks at the device before its format as well, and that is not measured either.
  await timed(samples, 'keyward: proof that it is blank', () => probe(run, device));
  // What volume/initialise.ts does, without its records, and then what every stage does.
  await timed(samples, 'keyward: first stage', async () => {
    await deps.cryptsetup.format({ device, uuid: encryption.luksUuid, luks: encryption.luks, dek });
    if ((await deps.cryptsetup.testKey(device, dek)) === undefined) throw new Error('the key opens nothing');
    await writeToken(deps, { kind: 'volume', id }, encryption, device);
    await open();
  });
  await deps.cryptsetup.close(name);
  // The key of a throwaway volume, in a folder that goes with it.
  const keyFile = join(folder, 'volume-key');
  const dump = [
    'luksDump',
    '--batch-mode',
    '--dump-volume-key',
    '--volume-key-file',
    keyFile,
    '--key-file',
    '-',
    device,
  ];
  await run('cryptsetup', dump, { stdin: [dek] });
  const flags = ['--type', 'luks2', '--disable-keyring', '--disable-external-tokens', '--volume-key-file', keyFile];
  for (let turn = 0; turn < opensPerRound; turn += 1) {
    await timed(samples, 'floor: open with the volume key', () => run('cryptsetup', ['open', ...flags, device, name]));
    await deps.cryptsetup.close(name);
    await timed(samples, 'keyward: restage', open);
    await deps.cryptsetup.close(name);
  }
  await rm(keyFile);
  await remove(id);
}

async function timed<T>(samples: Samples, phase: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  record(samples, phase, performance.now() - startedAt);
  return result;
}

function record(samples: Samples, phase: string, durationMs: number): void {
  samples[phase] ??= [];
  samples[phase].push(durationMs / 1000);
}

main(Number(process.argv[2])).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
