/**
 * R2: each kind of rotation is killed with SIGKILL at each of its steps, and before and after each call of a tool, for each
 * family of KMS on its real server. After every kill the volume is opened cold: with what the KMS gives now, by another
 * process. The matrix counts its kills, and no volume may be lost over at least five hundred.
 */
import type { VolumeDeps } from '../../../runtime/volume/context';
import { describeWith } from '../../harness/describe-with';
import { type Facts, opens, soundFacts, storedDek, volume } from '../../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { type BenchKms, benchKms, type Death, RotationBench } from '../../harness/rotation-bench';
import type { RotationKind } from '../../harness/rotation-worker';

jest.setTimeout(1_800_000);

/** How often the whole matrix is gone through. */
const rounds = Number(process.env.KEYWARD_ROUNDS ?? 5);
const atLeastKills = 500;

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
    await bench.start(bao);
  });
  afterAll(async () => {
    await bao.stop();
    bench.stop();
  });

  const looking = async <T>(look: (deps: VolumeDeps) => Promise<T>): Promise<T> => {
    const deps = await bench.parts();
    return look(deps).finally(() => deps.kms.close());
  };
  const factsOf = (id: string): Promise<Facts> => looking((deps) => soundFacts(deps, volume(id)));

  /** Kills it at each death in turn on one volume, each time from what the last one left, then lets it end. */
  async function dieInTurn(kind: RotationKind, id: string, deaths: readonly Death[]): Promise<void> {
    for (const death of deaths) {
      await bench.rotate(kind, id, death).catch((error: unknown) => {
        // What was done before the last death may be done for good, and the point is not passed again.
        if (!(error instanceof Error && error.message.startsWith('was to die'))) throw error;
      });
      expect({ death, opens: await bench.opensCold(id) }).toEqual({ death, opens: true });
    }
  }

  async function pointsOf(kind: RotationKind, kms: BenchKms): Promise<readonly Death[]> {
    const { points, exitCode } = await bench.rotate(kind, await bench.volume(kms));
    expect(exitCode).toBe(0);
    return [...new Set(points)].map((point) => ({ point }));
  }

  async function goThrough(kind: RotationKind, kms: BenchKms): Promise<void> {
    const deaths = [...(await pointsOf(kind, kms)), ...calls[kind]];
    for (const death of deaths) {
      const id = await bench.volume(kms);
      const before = await factsOf(id);
      const plaintext = await bench.plaintextHash(id);
      const first = await looking((deps) => storedDek(deps, volume(id)));
      if (kind === 'kek') await bao.expectOk('POST', 'transit/keys/volumes/rotate');
      // The one for which the volume is fresh, then once more from what it left.
      await bench.rotate(kind, id, death);
      expect({ death, opens: await bench.opensCold(id) }).toEqual({ death, opens: true });
      await dieInTurn(kind, id, [death]);
      expect(await bench.rotate(kind, id)).toMatchObject({ exitCode: 0 });
      const after = await factsOf(id);
      const opensStill = await looking((deps) => opens(deps, volume(id), first));
      if (kind === 'passphrase') {
        expect([after.dataHash, after.volumeKeyHash, opensStill]).toEqual([
          before.dataHash,
          before.volumeKeyHash,
          false,
        ]);
      } else if (kind === 'kek') {
        expect([after.dataHash, after.volumeKeyHash, opensStill]).toEqual([
          before.dataHash,
          before.volumeKeyHash,
          true,
        ]);
        expect(after.record.encryption.wrappedDek).not.toBe(before.record.encryption.wrappedDek);
      } else {
        expect(after.volumeKeyHash).not.toBe(before.volumeKeyHash);
        expect(await bench.plaintextHash(id)).toBe(plaintext);
        expect(after.record.encryption.reencryptedAt).toBeDefined();
      }
    }
  }

  test('R2: opens at every instant, and ends with one key, which is new', async () => {
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(benchKms.map((kms) => goThrough('passphrase', kms)));
      await Promise.all(benchKms.map((kms) => goThrough('volume-key', kms)));
      await goThrough('kek', 'vaulttransit');
    }
    expect(bench.kills).toBeGreaterThanOrEqual(atLeastKills);
  });
});
