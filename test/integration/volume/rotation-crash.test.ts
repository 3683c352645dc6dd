/**
 * R2: each kind of rotation is killed with SIGKILL at each of its steps, and before and after each call of a tool, for each
 * family of KMS on its real server. After every kill the volume is opened cold: with what the KMS gives now, by another
 * process. The matrix counts its kills; in the long run no volume may be lost over at least five hundred.
 */
import type { VolumeDeps } from '../../../runtime/volume/context';
import { rotatePassphrase } from '../../../runtime/volume/rotate';
import { describeWith } from '../../harness/describe-with';
import { type Facts, opens, soundFacts, storedDek, volume } from '../../harness/driver-facts';
import { runsLongTests } from '../../harness/long-test';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { RotationBench } from '../../harness/rotation-bench';
import type { Death } from '../../harness/rotation-process';
import { vaultKms } from '../../harness/rotation-vaults';
import type { RotationKind } from '../../harness/rotation-worker';

jest.setTimeout(3 * 3_600_000);

/** One of each family: the metadata wraps, the KMS keeps, the KMS wraps. */
const benchKms = ['metadata', 'vault', 'vaulttransit'] as const;
type BenchKms = (typeof benchKms)[number];

/** The matrix is gone through until there were so many: once in a usual run, five hundred in the long one. */
const atLeastKills = runsLongTests ? 500 : 1;

const aroundCalls = (...verbs: readonly string[]): readonly Death[] =>
  verbs.flatMap((verb) => (['before', 'after'] as const).map((when) => ({ verb, when })));
/** Calls of cryptsetup that each kind makes, by an argument that only they have. */
const calls: Readonly<Record<RotationKind, readonly Death[]>> = {
  kek: [],
  passphrase: aroundCalls('luksAddKey', '--key-slot', 'luksKillSlot', 'token'),
  'volume-key': aroundCalls('token', '--init-only', '--resume-only'),
};

describeWith(['cryptsetup', 'openbao'], 'a rotation that is killed', () => {
  let bao: OpenBao;
  const bench = new RotationBench();
  beforeAll(async () => {
    bao = await startOpenBao();
    await bench.start(await vaultKms(bao, bench.folder));
  });
  afterAll(async () => {
    await bao.stop();
    bench.stop();
  });

  const looking = <T>(look: (deps: VolumeDeps) => Promise<T>): Promise<T> => bench.looking(look);
  const factsOf = (id: string): Promise<Facts> => looking((deps) => soundFacts(deps, volume(id)));

  async function pointsOf(kind: RotationKind, kms: BenchKms): Promise<readonly Death[]> {
    const { points, exitCode } = await bench.rotate(kind, await bench.volume(kms));
    expect(exitCode).toBe(0);
    return [...new Set(points)].map((point) => ({ point }));
  }

  /** One volume, killed at each death in turn, each time from what the last one left; in the end it may finish. */
  async function goThrough(kind: RotationKind, kms: BenchKms): Promise<void> {
    const id = await bench.volume(kms);
    const before = await factsOf(id);
    const plaintext = await bench.plaintextHash(id);
    using first = await looking((deps) => storedDek(deps, volume(id)));
    for (const death of [...(await pointsOf(kind, kms)), ...calls[kind]]) {
      if (kind === 'kek') await bao.expectOk('POST', 'transit/keys/volumes/rotate');
      // A point that the last death left nothing to do at is not passed again: then this ends, and the next one begins anew.
      await bench.rotate(kind, id, death, { mayEnd: true });
      expect({ kind, kms, death, opens: await bench.opensCold(id) }).toEqual({ kind, kms, death, opens: true });
    }
    expect(await bench.rotate(kind, id)).toMatchObject({ exitCode: 0 });
    const after = await factsOf(id);
    expect(await bench.plaintextHash(id)).toBe(plaintext);
    expect(await looking((deps) => opens(deps, volume(id), first))).toBe(kind !== 'passphrase');
    expect(after.volumeKeyHash === before.volumeKeyHash).toBe(kind !== 'volume-key');
    if (kind === 'kek') expect(after.record.encryption.wrappedDek).not.toBe(before.record.encryption.wrappedDek);
  }

  test('R2: opens at every instant, and ends with one key, which is new', async () => {
    while (bench.kills < atLeastKills) {
      await Promise.all([
        ...benchKms.map((kms) => goThrough('passphrase', kms)),
        ...benchKms.map((kms) => goThrough('volume-key', kms)),
        goThrough('kek', 'vaulttransit'),
      ]);
      if (runsLongTests) process.stderr.write(`${bench.kills} kills, nothing lost\n`);
    }
  });

  test('R2: an outage of the KMS ends a rotation of every kind, and the next one ends well', async () => {
    for (const kind of ['passphrase', 'volume-key', 'kek'] as const) {
      const id = await bench.volume('vaulttransit');
      await bao.seal();
      expect(await bench.rotate(kind, id)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('KMS_') });
      await bao.unseal();
      expect(await bench.opensCold(id)).toBe(true);
      expect(await bench.rotate(kind, id)).toMatchObject({ exitCode: 0 });
      await factsOf(id);
    }
  });

  test.each(benchKms)('R2: twenty rotations leave one keyslot and no old key, KMS %s', async (kms) => {
    const id = await bench.volume(kms);
    for (let count = 0; count < 20; count += 1) {
      using old = await looking((deps) => storedDek(deps, volume(id)));
      await looking((deps) => rotatePassphrase(deps, id, { secrets: new Map() }));
      expect(await looking((deps) => opens(deps, volume(id), old))).toBe(false);
    }
    expect((await factsOf(id)).keyslots).toHaveLength(1);
  });

  test('R2: two rotations at once: one wins, the other is told that the volume is busy', async () => {
    const id = await bench.volume('metadata');
    const outcomes = await looking((deps) =>
      Promise.allSettled([1, 2].map(() => rotatePassphrase(deps, id, { secrets: new Map() }))),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [refused] = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(refused).toMatchObject({ code: 'VOLUME_BUSY' });
    await factsOf(id);
  });
});
