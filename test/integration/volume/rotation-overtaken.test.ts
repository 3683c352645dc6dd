/**
 * R2: two processes rotate the key of one volume at once, on nodes that know nothing of each other. One stands still at each
 * of its steps while the other does all of it; then it goes on. One wins, the other is told, and one key is left.
 */
import { describeWith } from '../../harness/describe-with';
import { opens, soundFacts, storedDek, volume } from '../../harness/driver-facts';
import { runsLongTests } from '../../harness/long-test';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { RotationBench } from '../../harness/rotation-bench';
import { vaultKms } from '../../harness/rotation-vaults';

jest.setTimeout(900_000);

describeWith(['cryptsetup', 'openbao'], 'a rotation that another process overtakes', () => {
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

  const points = ['begin', 'begun', 'add-keyslot', 'replace-key', 'read-back', 'retire-keyslot', 'finish'];

  // The back end of these tests has no lock between processes: what is left is what the record and the KMS decide.
  describe.each(runsLongTests ? ['metadata', 'vault', 'vaulttransit'] : ['vault'])('KMS %s', (kms) => {
    test.each(points)('R2: at rotate:%s it stops before its next step, and one key is left', async (point) => {
      const id = await bench.volume(kms);
      using first = await bench.looking((deps) => storedDek(deps, volume(id)));
      const outcome = await bench.rotateUnder('passphrase', id, {
        pause: {
          point: `rotate:${point}`,
          meanwhile: async () => {
            expect(await bench.rotate('passphrase', id)).toMatchObject({ exitCode: 0 });
            expect(await bench.opensCold(id)).toBe(true);
          },
        },
      });
      // After its last step there is nothing left to be overtaken in.
      if (point === 'finish') expect(outcome.exitCode).toBe(0);
      else expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^VOLUME_BUSY: /) });
      await bench.looking(async (deps) => {
        await soundFacts(deps, volume(id));
        expect(await opens(deps, volume(id), first)).toBe(false);
      });
      expect(await bench.rotate('passphrase', id)).toMatchObject({ exitCode: 0 });
      await bench.looking((deps) => soundFacts(deps, volume(id)));
    });
  });
});
