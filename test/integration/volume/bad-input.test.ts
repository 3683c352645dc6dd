/** What an operator, a cluster or somebody with access to the storage may do wrong: each is told by its code, and leaves nothing half done. */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Size } from 'cdk8s';
import type { Code } from '../../../runtime/errors';
import { run } from '../../../runtime/process/run';
import type { VolumeDeps } from '../../../runtime/volume/context';
import { runtimeBundle } from '../../../tools/bundle';
import { CallError } from '../../../tools/csi-client/call-error';
import { describeWith } from '../../harness/describe-with';
import { prepareVault, type TestClass, TestDriver, vaultMount } from '../../harness/driver';
import { filesOf, initialiseOnFile, leftovers, partsOf, soundFacts, volume } from '../../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { editHeader } from '../../unit/luks/scratch';

jest.setTimeout(120_000);
const MiB = 2 ** 20;

describeWith(['cryptsetup', 'openbao'], 'bad input', () => {
  let bao: OpenBao;
  let driver: TestDriver;
  let deps: VolumeDeps;
  beforeAll(async () => {
    bao = await startOpenBao({ storage: 'file' });
    driver = new TestDriver({ vault: await prepareVault(bao), capacity: Size.mebibytes(400) });
    await driver.start();
    deps = await partsOf(driver);
  });
  afterAll(async () => {
    await deps.kms.close();
    await driver.stop();
    await bao.stop();
  });

  const vaultKeys = async (): Promise<string[]> =>
    (await bao.request('LIST', `${vaultMount}/metadata`)).body?.data?.keys ?? [];
  const create = async (className: TestClass) =>
    (await driver.csi.controller.createVolume(driver.claim(className).createVolume())).volume?.volumeId ?? '';
  const remove = (id: string) => driver.csi.controller.deleteVolume({ volumeId: id });
  const rotate = (id: string) =>
    driver.csi.rotation.encryptionKeyRotate({
      volumeId: id,
      secrets: driver.claim('metadata').secretsFor('node-stage'),
    });
  const clone = (id: string) =>
    driver.csi.controller.createVolume(
      driver.claim('vault').createVolume({ type: { case: 'volume', value: { volumeId: id } } }),
    );
  async function used(className: TestClass = 'vault'): Promise<string> {
    const id = await create(className);
    await initialiseOnFile(deps, id);
    return id;
  }

  /** The call fails with the code, its text has a remedy, and no file or key is other than before. */
  async function refused(call: () => Promise<unknown>, code: Code, status?: string): Promise<CallError> {
    const before = [filesOf(driver).map((path) => [path, readFileSync(path).toString('base64')]), await vaultKeys()];
    const error = await call().catch((thrown: unknown) => thrown);
    await expect(Promise.reject(error)).toRejectWithCode(code);
    if (!(error instanceof CallError)) throw error;
    expect(error.details).toMatch(/^[A-Z_]+: .{5,}\. .{5,}\.$/s);
    if (status !== undefined) expect(error.status).toBe(status);
    expect([filesOf(driver).map((path) => [path, readFileSync(path).toString('base64')]), await vaultKeys()]).toEqual(
      before,
    );
    expect(await leftovers(driver)).toEqual([]);
    return error;
  }

  describe('a claim', () => {
    const asked =
      (change: object, className: TestClass = 'vault') =>
      () =>
        driver.csi.controller.createVolume({ ...driver.claim(className).createVolume(), ...change });
    const capability = (fsType: string) => ({
      volumeCapabilities: [{ accessMode: { mode: 1 }, accessType: { case: 'mount', value: { fsType } } } as const],
    });

    test('that is too small for its filesystem names the least size', async () => {
      const error = await refused(
        asked({ capacityRange: { requiredBytes: BigInt(MiB) } }),
        'CAPACITY_OUT_OF_RANGE',
        'OUT_OF_RANGE',
      );
      expect(error.details).toContain('16 MiB');
      await refused(
        asked({ ...capability('xfs'), capacityRange: { requiredBytes: BigInt(64 * MiB) } }),
        'CAPACITY_OUT_OF_RANGE',
      );
    });

    test('with an unknown filesystem names those that are known', async () => {
      const error = await refused(asked(capability('btrfs')), 'FILESYSTEM_UNKNOWN', 'INVALID_ARGUMENT');
      expect(error.details).toMatch(/ext4.*xfs/);
    });

    test('without its secret names the key that is missing', async () => {
      const error = await refused(asked({ secrets: {} }, 'metadata'), 'SECRET_MISSING', 'FAILED_PRECONDITION');
      expect(error.details).toContain('encryptionPassphrase');
    });

    test('of a KMS that is not configured names those that are', async () => {
      const parameters = { encrypted: 'true', encryptionKMSID: 'valut' };
      const error = await refused(asked({ parameters }), 'KMS_UNKNOWN', 'FAILED_PRECONDITION');
      expect(error.details).toContain('known: metadata, vault');
    });

    test('with a misspelt parameter names what was meant', async () => {
      const parameters = { encrypted: 'true', encryptionKMSID: 'vault', encryptionCihper: 'aes-xts-plain64' };
      const error = await refused(asked({ parameters }), 'REQUEST_INVALID', 'INVALID_ARGUMENT');
      expect(error.details).toContain('encryptionCipher');
    });

    test('trap 9: with integrity, which would fill a sparse file at once, is refused', async () => {
      const parameters = { encrypted: 'true', encryptionKMSID: 'vault', integrityMode: 'hmac-sha256' };
      const error = await refused(asked({ parameters }), 'REQUEST_INVALID', 'INVALID_ARGUMENT');
      expect(error.details).toContain('rbd');
    });

    test('trap 1: that is not encrypted is refused, not made as plain text', async () => {
      await refused(asked({ parameters: { encryptionKMSID: 'vault' } }), 'REQUEST_INVALID');
      await refused(asked({ parameters: { encrypted: 'True ', encryptionKMSID: 'vault' } }), 'REQUEST_INVALID');
    });

    test('for more than the storage has leaves no key', async () => {
      await refused(
        asked({ capacityRange: { requiredBytes: BigInt(390 * MiB) } }),
        'STORAGE_FULL',
        'RESOURCE_EXHAUSTED',
      );
    });

    test('R13: whose source is of another kind, or is not there', async () => {
      const id = await used();
      const source = { volumeContentSource: { type: { case: 'volume', value: { volumeId: id } } } };
      await refused(asked({ ...source, ...capability('xfs') }), 'REQUEST_INVALID');
      await refused(
        asked({ ...source, capacityRange: { requiredBytes: BigInt(16 * MiB - 4096) } }),
        'CAPACITY_OUT_OF_RANGE',
      );
      const none = { type: { case: 'snapshot', value: { snapshotId: id } } };
      await refused(asked({ volumeContentSource: none }), 'SNAPSHOT_NOT_FOUND', 'NOT_FOUND');
      await remove(id);
    });

    test('of a name that is taken by another volume says what differs', async () => {
      const requests = driver.claim('vault');
      const { volume: made } = await driver.csi.controller.createVolume(requests.createVolume());
      const capacityRange = { requiredBytes: BigInt(64 * MiB) };
      const error = await refused(
        asked({ ...requests.createVolume(), capacityRange }),
        'VOLUME_EXISTS',
        'ALREADY_EXISTS',
      );
      expect(error.details).toContain(`${16 * MiB} bytes`);
      await remove(made?.volumeId ?? '');
    });
  });

  describe('the KMS', () => {
    const outages = [
      ['is sealed', 'KMS_SEALED', () => bao.seal(), () => bao.unseal()],
      ['is unreachable', 'KMS_UNREACHABLE', () => bao.halt(), () => bao.resume()],
    ] as const;
    test.each(outages)('%s: Unavailable, and the same calls succeed when it is back', async (_, code, begin, end) => {
      const id = await used();
      const doomed = await create('vault');
      const copy = driver.claim('vault').createVolume({ type: { case: 'volume', value: { volumeId: id } } });
      const calls = [() => rotate(id), () => driver.csi.controller.createVolume(copy), () => remove(doomed)];
      await begin();
      for (const call of calls) {
        const error = await call().catch((thrown: unknown) => thrown);
        expect(error instanceof CallError && { code: error.code, status: error.status }).toEqual({
          code,
          status: 'UNAVAILABLE',
        });
      }
      await end();
      for (const call of calls) await call();
      const { entries } = await driver.csi.controller.listVolumes({});
      const ids = entries.map((each) => each.volume?.volumeId ?? '');
      expect(ids).toHaveLength(2);
      for (const each of ids) {
        await soundFacts(deps, volume(each));
        await remove(each);
      }
      expect(filesOf(driver)).toEqual([]);
      expect(await vaultKeys()).toEqual([]);
    });

    test('has another key than the volume: nothing is formatted, rotated or copied', async () => {
      const id = await used();
      const { body } = await bao.expectOk('GET', `${vaultMount}/data/${id}`);
      const wrong = { data: { data: { data: { passphrase: 'not the key' } } } };
      expect(body.data.data.data.passphrase).toMatch(/^.{44}$/);
      await bao.expectOk('POST', `${vaultMount}/data/${id}`, { data: wrong.data.data });
      await refused(() => rotate(id), 'LUKS_PASSPHRASE_REJECTED', 'FAILED_PRECONDITION');
      await refused(() => clone(id), 'LUKS_PASSPHRASE_REJECTED');
      await bao.expectOk('POST', `${vaultMount}/data/${id}`, { data: body.data.data });
      await rotate(id);
      await remove(id);
    });

    test('has lost the key: told so, and no new one is made in its place', async () => {
      const id = await used();
      await bao.expectOk('DELETE', `${vaultMount}/metadata/${id}`);
      await refused(() => rotate(id), 'KMS_KEY_NOT_FOUND', 'FAILED_PRECONDITION');
      await refused(() => clone(id), 'KMS_KEY_NOT_FOUND');
      // R14: deletion never needs the data key.
      await remove(id);
      expect(filesOf(driver, id)).toEqual([]);
    });
  });

  describe('design §10: the storage shows something else than the record says', () => {
    const image = (id: string) => deps.backEnd.images.withHeader(volume(id), async (path) => path);
    const both = async (id: string, code: Code) => {
      await refused(() => rotate(id), code);
      await refused(() => clone(id), code);
    };

    test('zeros, after it was initialised', async () => {
      const id = await used();
      const file = await open(await image(id), 'r+');
      const { size } = await file.stat();
      await file.truncate(0);
      await file.truncate(size);
      await file.close();
      await both(id, 'DEVICE_LOST_DATA');
      await remove(id);
    });

    test('the header of another volume', async () => {
      const id = await used();
      await run('cryptsetup', [
        'luksUUID',
        '--batch-mode',
        '--uuid',
        '11111111-2222-4333-8444-555555555555',
        await image(id),
      ]);
      await both(id, 'LUKS_HEADER_FOREIGN');
      await remove(id);
    });

    test('two images exchanged', async () => {
      const [one, two] = [await used(), await used('metadata')];
      const [a, b] = [await image(one), await image(two)];
      const exchange = () => {
        renameSync(a, `${a}.x`);
        renameSync(b, a);
        renameSync(`${a}.x`, b);
      };
      exchange();
      for (const id of [one, two]) await both(id, 'LUKS_HEADER_FOREIGN');
      exchange();
      await soundFacts(deps, volume(one));
      for (const id of [one, two]) await remove(id);
    });

    test.each([
      ['the null cipher, which would turn encryption off', 'cipher_null-ecb'],
      ['another cipher than the declared one', 'serpent-xts-plain64'],
    ])('a header with %s', async (_, cipher) => {
      const id = await used();
      editHeader(await image(id), (json) => Object.assign(json.segments?.['0'] ?? {}, { encryption: cipher }));
      await both(id, 'LUKS_HEADER_UNSAFE');
      await remove(id);
    });

    test('no header, but data', async () => {
      const id = await used();
      const file = await open(await image(id), 'r+');
      await file.write(Buffer.alloc(4 * MiB, 'data'), 0, 4 * MiB, 0);
      await file.close();
      await both(id, 'LUKS_NOT_LUKS');
      await remove(id);
    });

    test('a record that somebody damaged', async () => {
      const id = await used();
      const path = join(driver.backing, 'records/volumes', `${id}.json`);
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace('"ready"', '"redy"'));
      await refused(() => rotate(id), 'RECORD_INVALID', 'DATA_LOSS');
      writeFileSync(path, text);
      await remove(id);
    });
  });

  test('R10: a second driver on the same socket ends with 1 and SOCKET_OCCUPIED, and the first goes on', async () => {
    const args = readFileSync(`/proc/${driver.pod.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const own = args
      .slice(args.indexOf(runtimeBundle) + 1)
      .map((arg) => arg.replace(/--health-port=\d+/, '--health-port=0'));
    const { status, stderr } = spawnSync(process.execPath, [runtimeBundle, ...own], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(stderr).toMatch(/^keyward: SOCKET_OCCUPIED: /);
    expect(status).toBe(1);
    await expect(driver.csi.identity.probe({})).resolves.toMatchObject({ ready: true });
  });
});
