/**
 * R2: at each step of each kind of rotation its KMS is gone, hangs, or takes nothing more, or its device is gone. The
 * rotation ends with an error that says so, or well; when what was lost is back the volume opens with what the KMS gives
 * then, and the same rotation again ends well. KEYWARD_LONG_TESTS=1 goes through all families of KMS and waits for those
 * that hang.
 */
import { describeWith } from '../../harness/describe-with';
import { opens, soundFacts, storedDek, volume } from '../../harness/driver-facts';
import { longTest, runsLongTests } from '../../harness/long-test';
import { RotationBench } from '../../harness/rotation-bench';
import { type Loss, lossTools, RotationLosses } from '../../harness/rotation-losses';
import type { RotationKind } from '../../harness/rotation-worker';

jest.setTimeout(3_600_000);

/** Before the rotation reads its key, where no step has begun. */
const start = 'start';

const all = ['metadata', 'vault', 'vaulttransit', 'aws'];
const families: Readonly<Record<RotationKind, readonly string[]>> = {
  passphrase: runsLongTests ? all : ['vault'],
  'volume-key': runsLongTests ? all : ['metadata'],
  kek: ['vaulttransit'],
};

describeWith(['cryptsetup', ...lossTools], 'a rotation that loses', () => {
  let losses: RotationLosses;
  const bench = new RotationBench();
  beforeAll(async () => {
    losses = await RotationLosses.start(bench);
  });
  afterAll(async () => {
    await losses?.stop();
    bench.stop();
  });

  async function pointsOf(kind: RotationKind, kms: string): Promise<readonly string[]> {
    const { points, exitCode } = await bench.rotate(kind, await bench.volume(kms));
    expect(exitCode).toBe(0);
    return [start, ...new Set(points)];
  }

  /** @returns code of the error that ended the rotation, or `OK` */
  async function lose(kind: RotationKind, id: string, loss: Loss, point: string): Promise<string> {
    const begin = async () => loss.begin(id);
    if (point === start) await begin();
    const pause = point === start ? undefined : { point, meanwhile: begin };
    const { exitCode, stderr } = await bench.rotateUnder(kind, id, { pause });
    await loss.end(id);
    if (exitCode === 0) return 'OK';
    return /^([A-Z_]+): /.exec(stderr)?.[1] ?? `no code: ${stderr}`;
  }

  /** @returns what became of the rotation, point by point. */
  async function goThrough(kind: RotationKind, kms: string, loss: Loss): Promise<ReadonlyMap<string, string>> {
    const id = await bench.volume(kms);
    const plaintext = await bench.plaintextHash(id);
    const outcomes = new Map<string, string>();
    for (const point of await pointsOf(kind, kms)) {
      if (kind === 'kek') await losses.rotateKek();
      using old = await bench.looking((deps) => storedDek(deps, volume(id)));
      outcomes.set(point, await lose(kind, id, loss, point));
      const context = { kind, kms, loss: loss.name, point };
      expect({ ...context, opens: await bench.opensCold(id) }).toEqual({ ...context, opens: true });
      expect({ ...context, ...(await bench.rotate(kind, id)) }).toMatchObject({ ...context, exitCode: 0 });
      await bench.looking(async (deps) => {
        await soundFacts(deps, volume(id));
        expect({ ...context, old: await opens(deps, volume(id), old) }).toEqual({
          ...context,
          old: kind !== 'passphrase',
        });
      });
    }
    expect(await bench.plaintextHash(id)).toBe(plaintext);
    return outcomes;
  }

  /** What was lost was missed at least once, and each time said by a code that is no riddle. */
  function expectTold(outcomes: ReadonlyMap<string, string>, codes: RegExp): void {
    const told = [...outcomes.values()].filter((outcome) => outcome !== 'OK');
    expect(told.length).toBeGreaterThan(0);
    expect([...outcomes].filter(([, outcome]) => outcome !== 'OK' && !codes.test(outcome))).toEqual([]);
  }

  describe.each(Object.keys(families) as RotationKind[])('in a rotation of kind %s', (kind) => {
    const each = (go: (kms: string) => Promise<void>) => Promise.all(families[kind].map(go));

    test('R2: its KMS, at each step', async () => {
      await each(async (kms) => {
        expectTold(await goThrough(kind, kms, losses.kmsGone(kms)), /^(KMS_UNREACHABLE|SECRET_MISSING)$/);
      });
    });

    // The other two kinds change nothing at a KMS that keeps keys.
    const fillable = families[kind].filter((kms) => kms === 'aws' || (kms === 'vault' && kind === 'passphrase'));
    if (fillable.length > 0) {
      test('R2: room at its KMS, at each step', async () => {
        await Promise.all(
          fillable.map(async (kms) => {
            expectTold(await goThrough(kind, kms, losses.kmsFull(kms)), /^KMS_(UNREACHABLE|DENIED)$/);
          }),
        );
      });
    }

    test('R2: its device, at each step', async () => {
      await each(async (kms) => {
        const outcomes = await goThrough(kind, kms, losses.deviceGone());
        if (kind === 'kek') expect(new Set(outcomes.values())).toEqual(new Set(['OK']));
        else expectTold(outcomes, /^(DEVICE_NOT_READY|DEVICE_UNREADABLE|VOLUME_NOT_FOUND)$/);
      });
    });

    longTest('R2: answers of its KMS, at each step', async () => {
      await each(async (kms) => {
        // The passphrase of `metadata` is in a file.
        if (kms !== 'metadata') expectTold(await goThrough(kind, kms, losses.kmsHangs(kms)), /^KMS_TIMEOUT$/);
      });
    });
  });
});
