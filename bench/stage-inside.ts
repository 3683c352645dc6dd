/**
 * The part of the benchmark `stage` that needs a kernel with RBD and dm-crypt: runs as root, natively or in the guest, with a
 * Ceph and an OpenBao of its own. Prints one line of JSON: the samples of each phase, in seconds.
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ceph, startCeph } from '../test/harness/ceph';
import { prepareVault, vaultMount } from '../test/harness/driver';
import { type OpenBao, startOpenBao } from '../test/harness/openbao';
import { cephUserName, pool, RbdDriver } from '../test/harness/rbd-driver';
import { RbdVolume } from '../test/harness/rbd-volume';
import { benchProgram } from './run-on-kernel';
import type { Answer, Side, Work } from './stage-protocol';

type Samples = Record<string, number[]>;
type Phase = 'first stage' | 'restage';

const imageBytes = 1024 ** 3;
/** Of all three sides; all that a kernel maps. */
const imageFeatures = 'layering,exclusive-lock,object-map,fast-diff,deep-flatten';
/** They are short, so chance weighs more. */
const restagesPerRound = 3;

async function main(rounds: number): Promise<void> {
  execFileSync('modprobe', ['rbd']);
  const folder = mkdtempSync(join(tmpdir(), 'keyward-bench-'));
  const [bao, ceph] = [await startOpenBao(), await startCeph()];
  const driver = await startDriver(ceph, bao);
  const commands = new Commands();
  try {
    const { secrets } = driver;
    const userKey = secrets.userKey ?? '';
    await commands.work({
      do: 'begin',
      folder,
      pool,
      monitors: ceph.monitors.join(','),
      userId: cephUserName,
      userKey,
    });
    const samples: Samples = {};
    const sides = [
      () => ours(driver, samples),
      () => byCommands('ceph-csi', ceph, commands, samples),
      () => byCommands('floor', ceph, commands, samples),
    ];
    for (let round = 0; round <= rounds; round += 1) {
      process.stderr.write(round === 0 ? 'warming up\n' : `round ${round} of ${rounds}\n`);
      // In turns, each first once, so that a busy minute of the machine hits all of them.
      for (let turn = 0; turn < sides.length; turn += 1) await sides[(round + turn) % sides.length]?.();
      // The first one reads the programs from the disk and does not count.
      if (round === 0) for (const name of Object.keys(samples)) delete samples[name];
    }
    process.stdout.write(`${JSON.stringify(samples)}\n`);
  } finally {
    commands.end();
    await driver.stop();
    await Promise.all([ceph.stop(), bao.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startDriver(ceph: Ceph, bao: OpenBao): Promise<RbdDriver> {
  const vault = await prepareVault(bao);
  return RbdDriver.start({
    ceph,
    kms: (secrets) => ({
      vault: {
        type: 'vault',
        address: vault.address,
        backend: 'kv-v2',
        backendPath: vaultMount,
        auth: { method: 'token', tokenFile: join(secrets, 'keyward-system/vault/token') },
      },
    }),
    secrets: { 'keyward-system/vault/token': vault.token },
    observed: false,
  });
}

async function ours(driver: RbdDriver, samples: Samples): Promise<void> {
  const volume = await RbdVolume.create(driver, { kms: 'vault', sizeBytes: imageBytes, parameters: { imageFeatures } });
  const timedStage = async (phase: Phase) => {
    const before = driver.log.length;
    const startedAt = performance.now();
    await volume.stage();
    record(samples, `keyward: ${phase}`, performance.now() - startedAt);
    for (const { step, durationMs } of await stepsIn(driver, before)) {
      record(samples, `  ${step}, in ${phase}`, durationMs);
    }
    await volume.unstage();
  };
  await timedStage('first stage');
  for (let turn = 0; turn < restagesPerRound; turn += 1) await timedStage('restage');
  await volume.delete();
}

/** The log comes through a pipe, a moment later. */
async function stepsIn(
  driver: RbdDriver,
  from: number,
): Promise<readonly { readonly step: string; readonly durationMs: number }[]> {
  for (;;) {
    const lines = driver.log.slice(from).split('\n').slice(0, -1);
    const steps = lines
      .filter((line) => line.includes('"step done"') && line.includes('"operation":"stage"'))
      .map((line) => JSON.parse(line));
    if (steps.some(({ step }) => step === 'grow')) return steps;
    await sleep(20);
  }
}

let images = 0;

async function byCommands(side: Side, ceph: Ceph, commands: Commands, samples: Samples): Promise<void> {
  images += 1;
  const image = `${side}-${images}`;
  await ceph.rbd(['create', '--size', `${imageBytes}B`, '--image-feature', imageFeatures, `${pool}/${image}`]);
  const timedStage = async (work: 'first' | 'restage', phase: Phase) => {
    const { totalMs, parts } = await commands.work({ do: work, side, image });
    record(samples, `${side}: ${phase}`, totalMs);
    for (const { name, durationMs } of parts) record(samples, `  ${name}, in ${phase} of ${side}`, durationMs);
    await commands.work({ do: 'unstage', image });
  };
  await timedStage('first', 'first stage');
  for (let turn = 0; turn < restagesPerRound; turn += 1) await timedStage('restage', 'restage');
  await ceph.rbd(['rm', '--no-progress', `${pool}/${image}`]);
}

class Commands {
  readonly #child = fork(benchProgram('stage-commands'), {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

  async work(work: Work): Promise<Exclude<Answer, { error: string }>> {
    const given = new AbortController();
    const answered: Promise<Answer[]> = once(this.#child, 'message', given);
    const died = once(this.#child, 'exit', given);
    this.#child.send(work);
    const [answer] = await Promise.race([answered, died.then(() => [{ error: 'the process has ended' }])]);
    given.abort();
    if (!answer || 'error' in answer)
      throw new Error(`${JSON.stringify({ ...work, userKey: undefined })}: ${answer?.error}`);
    return answer;
  }

  end(): void {
    this.#child.disconnect();
  }
}

function record(samples: Samples, phase: string, durationMs: number): void {
  samples[phase] ??= [];
  samples[phase].push(durationMs / 1000);
}

main(Number(process.argv[2])).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  },
);
