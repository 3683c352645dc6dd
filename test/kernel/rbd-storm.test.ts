/**
 * Volumes in Ceph through what nodes go through: a driver that is killed again and again, a node that starts with all of its
 * volumes at once, one that comes back from a crash. KEYWARD_LONG_TESTS=1 runs it in full; KEYWARD_SEED=N repeats a storm.
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Krbd } from '../../runtime/device/rbd/krbd';
import { findMapping, listMappings, mappingName } from '../../runtime/luks/mapping';
import { readMountinfo } from '../../runtime/mount/mountinfo';
import { run } from '../../runtime/process/run';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { CheckedFiles } from '../harness/checked-files';
import { describeWith } from '../harness/describe-with';
import { prepareVault, vaultMount } from '../harness/driver';
import { runsLongTests } from '../harness/long-test';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { pool, RbdDriver } from '../harness/rbd-driver';
import { RbdVolume } from '../harness/rbd-volume';

jest.setTimeout(90 * 60_000);

const cycles = runsLongTests ? 100 : 8;
const volumesAtOnce = runsLongTests ? 50 : 10;
const seed = Number(process.env.KEYWARD_SEED ?? randomInt(2 ** 31));
/** Of every few deaths one is not at a step but anywhere, also while a tool of the driver's runs. */
const anywhere = 'anywhere';

describeWith([...CEPH_TOOLS, 'openbao'], 'volumes in Ceph and a node that fails', () => {
  const krbd = new Krbd(run);
  let bao: OpenBao;
  let ceph: Ceph;
  let driver: RbdDriver;
  beforeAll(async () => {
    execFileSync('modprobe', ['rbd']);
    [bao, ceph] = await Promise.all([startOpenBao(), startCeph()]);
    const vault = await prepareVault(bao);
    driver = await RbdDriver.start({
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
      // More patience than the kubelet has: a guest has one CPU for all volumes.
      callTimeoutMs: 30 * 60_000,
    });
  });
  afterAll(async () => {
    await driver?.stop();
    await Promise.all([ceph?.stop(), bao?.stop()]);
  });
  afterEach(async () => {
    expect(await present()).toEqual({ mounts: [], mappings: [], devices: [] });
    expect(await ceph.rbd(['ls', pool])).toBe('');
  });

  const newVolume = () => RbdVolume.create(driver, { kms: 'vault' });

  async function present() {
    return {
      mounts: (await readMountinfo())
        .map(({ mountPoint }) => mountPoint)
        .filter((path) => path.startsWith(driver.root)),
      mappings: (await listMappings()).map(({ name }) => name),
      devices: (await krbd.mappings()).map(({ device }) => device),
    };
  }

  /** A call in which the driver dies at the point, or before it has ended. The driver runs again when this resolves. */
  async function dieDuring(call: () => Promise<void>, point: string, atMostMs: number): Promise<void> {
    if (!point.endsWith(anywhere)) driver.dieAt(point);
    const ended = call().then(
      () => 'the call succeeded',
      (error: unknown) => String(error),
    );
    if (point.endsWith(anywhere)) {
      await sleep(atMostMs);
      await driver.kill();
    } else {
      const outcome = await Promise.race([driver.died().then(() => 'dead'), ended.then((how) => sleep(20_000, how))]);
      if (outcome !== 'dead') throw new Error(`the driver was to die at ${point}: ${outcome}`);
    }
    await ended;
    driver.dieAt(undefined);
    await driver.start();
  }

  test(`R1: no byte is lost in ${cycles} deaths of the driver (KEYWARD_SEED=${seed})`, async () => {
    const random = randomFrom(seed);
    const volume = await newVolume();
    const files = new CheckedFiles(volume.staging);
    driver.takePoints();
    await volume.stage();
    files.write();
    await volume.unstage();
    const points = driver.takePoints().filter((point) => /^(?:stage|unstage):/.test(point));
    expect(points).toEqual(expect.arrayContaining(['stage:begin', 'stage:mount', 'unstage:begin', 'unstage:detach']));
    const choices = [...points, ...['stage', 'unstage'].flatMap((each) => Array(2).fill(`${each}:${anywhere}`))];
    let stageMs = 0;
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      const point = choices[Math.floor(random() * choices.length)] ?? '';
      const afterMs = random() * stageMs;
      try {
        if (point.startsWith('stage:')) await dieDuring(() => volume.stage(), point, afterMs);
        const startedAt = performance.now();
        await volume.stage();
        stageMs ||= performance.now() - startedAt;
        expect(files.lost()).toEqual([]);
        files.write();
        if (point.startsWith('unstage:')) await dieDuring(() => volume.unstage(), point, afterMs);
        await volume.stage();
        expect(files.lost()).toEqual([]);
        await volume.unstage();
        expect(await present()).toEqual({ mounts: [], mappings: [], devices: [] });
      } catch (error) {
        if (error instanceof Error) error.message = `death ${cycle}, at ${point} (${afterMs} ms): ${error.message}`;
        throw error;
      }
    }
    expect(files.count).toBeGreaterThanOrEqual(cycles);
    await volume.delete();
  });

  test(`${volumesAtOnce} volumes are staged at once when a node starts`, async () => {
    const volumes = await Promise.all(Array.from({ length: volumesAtOnce }, newVolume));
    for (const what of ['first stage', 'restage']) {
      await driver.kill();
      await driver.start();
      const idleMiB = peakMiB(driver.pid);
      const startedAt = performance.now();
      await Promise.all(volumes.map((each) => each.stage()));
      const seconds = (performance.now() - startedAt) / 1000;
      tell(
        `${what} of ${volumesAtOnce} volumes at once: ${seconds.toFixed(1)} s, ` +
          `peak memory of the driver ${peakMiB(driver.pid).toFixed(0)} MiB (${idleMiB.toFixed(0)} MiB before)`,
      );
      const { mounts, mappings, devices } = await present();
      expect(mounts.sort()).toEqual(volumes.map(({ staging }) => staging).sort());
      expect([mappings.length, devices.length]).toEqual([volumesAtOnce, volumesAtOnce]);
      for (const { staging } of volumes) expect(existsSync(join(staging, 'lost+found'))).toBe(true);
      await Promise.all(volumes.map((each) => each.unstage()));
      expect(await present()).toEqual({ mounts: [], mappings: [], devices: [] });
    }
    await Promise.all(volumes.map((each) => each.delete()));
  });

  describe('a node that comes back', () => {
    let volume: RbdVolume;
    let files: CheckedFiles;
    beforeEach(async () => {
      volume = await newVolume();
      files = new CheckedFiles(volume.staging);
      await volume.stage();
      files.write();
      await driver.kill();
      await run('umount', [volume.staging]);
    });
    async function stagesAgain() {
      await driver.start();
      await volume.stage();
      expect(files.lost()).toEqual([]);
      files.write();
      await volume.unstage();
      await volume.stage();
      expect(files.lost()).toEqual([]);
      await volume.unstage();
      await volume.delete();
    }
    const close = () => run('cryptsetup', ['close', mappingName(volume.id)]);
    async function unmap(...options: string[]) {
      for (const each of await krbd.mappings()) await krbd.unmap(each, options);
    }

    test('with mapping and device left by the last driver', stagesAgain);

    test('with the device alone left', async () => {
      await close();
      await stagesAgain();
    });

    test('with nothing left but the note of the stage, as after a reboot', async () => {
      await close();
      await unmap();
      await stagesAgain();
    });

    test('with a mapping over a device that is gone', async () => {
      await unmap('force');
      expect(await krbd.mappings()).toEqual([]);
      expect(await findMapping(mappingName(volume.id))).toBeDefined();
      await stagesAgain();
    });

    test('and is unstaged there without having been staged again', async () => {
      await close();
      await unmap();
      await driver.start();
      await volume.unstage();
      await volume.stage();
      expect(files.lost()).toEqual([]);
      await volume.unstage();
      await volume.delete();
    });
  });
});

/** The most that the process had in memory. */
function peakMiB(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) / 1024;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
