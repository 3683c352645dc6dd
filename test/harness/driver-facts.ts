/** What is true of a driver's volumes, found out without the driver: from its files, the KMS, the headers and the kernel. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isEmpty, nodeState } from '../../demo/observe/node-state';
import { decodeKmsConfig } from '../../lib/schema/kms';
import { configFileName, mountPaths, passphraseSecretKey } from '../../lib/schema/names';
import { KeyedLock } from '../../runtime/async/keyed-lock';
import { Semaphore } from '../../runtime/async/semaphore';
import type { ImageRef } from '../../runtime/device/back-end';
import { openLoopBackEnd } from '../../runtime/device/loop/loop-back-end';
import type { SnapshotRecord, VolumeRecord } from '../../runtime/device/record';
import { KmsSet } from '../../runtime/kms/kms-set';
import { mountedSecrets } from '../../runtime/kms/mounted-secrets';
import { silentLog } from '../../runtime/log';
import { Cryptsetup } from '../../runtime/luks/cryptsetup';
import { readHeader } from '../../runtime/luks/header';
import { findToken } from '../../runtime/luks/token';
import { verifyHeader } from '../../runtime/luks/verify';
import { Mounts } from '../../runtime/mount/mounts';
import { run } from '../../runtime/process/run';
import { Secret } from '../../runtime/secret';
import type { Call, VolumeDeps } from '../../runtime/volume/context';
import { initialise } from '../../runtime/volume/initialise';
import { keyOf } from '../../runtime/volume/keys';
import { OrphanKeys } from '../../runtime/volume/orphans';
import { requireRecord, updateEncryption } from '../../runtime/volume/records';
import { StageRecords } from '../../runtime/volume/stage-record';
import { Verifications } from '../../runtime/volume/verifications';
import { nodeName, passphrase, type TestDriver } from './driver';

export const volume = (id: string): ImageRef => ({ kind: 'volume', id });
export const snapshot = (id: string): ImageRef => ({ kind: 'snapshot', id });

/** A second look with the runtime's own leaves, in the process of the test. */
export async function partsOf(driver: TestDriver): Promise<VolumeDeps> {
  const kmsConfig = readFileSync(driver.pod.paths.toLocal(`${mountPaths.kms}/${configFileName}`), 'utf8');
  const secrets = mountedSecrets(driver.pod.paths.toLocal(mountPaths.secrets));
  return {
    backEnd: await openLoopBackEnd({ directory: driver.backing, nodeId: nodeName }, { run }),
    kms: new KmsSet(decodeKmsConfig(kmsConfig), { secrets }),
    cryptsetup: new Cryptsetup({ run, parallel: new Semaphore(2) }),
    mounts: new Mounts(run),
    run,
    stages: new StageRecords(join(driver.root, 'unused')),
    orphans: new OrphanKeys(join(driver.root, 'unused')),
    verifications: new Verifications(join(driver.root, 'unused')),
    locks: new KeyedLock(),
    log: silentLog,
    now: () => new Date(),
  };
}

/** What comes with a request of the class `metadata`; other classes do not look at it. */
function callSecrets(): Call {
  return { secrets: new Map([[passphraseSecretKey, Secret.fromText(passphrase)]]) };
}

/** The key of a volume or snapshot as its KMS has it now. The caller zeroes it. @throws CodedError KMS_KEY_NOT_FOUND. */
export async function storedDek(deps: VolumeDeps, image: ImageRef): Promise<Secret> {
  const { encryption } = await requireRecord(deps, image);
  return (await keyOf(deps, image, encryption, callSecrets()).fetch()).dek;
}

/**
 * The host has no dm-crypt: what the first stage does to the header, the same code does here on the plain file; what a
 * pod would write is written as ciphertext. Afterwards the record says `ready`, as after a real stage.
 */
export async function initialiseOnFile(deps: VolumeDeps, id: string): Promise<void> {
  const { encryption } = await requireRecord(deps, volume(id));
  const path = await deps.backEnd.images.withHeader(volume(id), async (path) => path);
  using dek = await storedDek(deps, volume(id));
  await initialise(deps, id, encryption, path, dek);
  await updateEncryption(deps, volume(id), (latest) => ({ ...latest, phase: 'ready' }));
  const file = await open(path, 'r+');
  for (const at of [0, 1024 * 1024, 5 * 1024 * 1024]) {
    await file.write(createHash('sha512').update(`${id} ${at}`).digest(), 0, 64, encryption.headerBytes + at);
  }
  await file.close();
}

export interface Facts {
  readonly record: VolumeRecord | SnapshotRecord;
  readonly keyslots: readonly number[];
  /** Of the bytes behind the header. */
  readonly dataHash: string;
  /** Of the volume key, which decides how these bytes read. */
  readonly volumeKeyHash: string;
}

/**
 * The facts of an initialised volume or snapshot, after checking that it is whole: complete, its image as large as it must be,
 * its header the pinned one, exactly one keyslot, which the key in the KMS opens, and a token that says so.
 */
export async function soundFacts(deps: VolumeDeps, image: ImageRef): Promise<Facts> {
  const record = await requireRecord(deps, image);
  const path = await deps.backEnd.images.withHeader(image, async (path) => path);
  expect({ complete: record.complete, phase: record.encryption.phase, rotation: record.encryption.rotation }).toEqual({
    complete: true,
    phase: 'ready',
    rotation: undefined,
  });
  expect(await deps.backEnd.images.sizeBytes(image)).toBe(record.sizeBytes + record.encryption.headerBytes);
  const header = await readHeader(path);
  verifyHeader(header, record.encryption);
  using dek = await storedDek(deps, image);
  const slot = await deps.cryptsetup.testKey(path, dek);
  const keyslots = header.keyslots.map(({ id }) => id);
  expect(keyslots).toEqual([slot]);
  expect(findToken(header)).toMatchObject({
    kmsId: record.encryption.kmsId,
    keyReference: image.id,
    keyslots,
    luksUuid: header.uuid,
  });
  return {
    record,
    keyslots,
    dataHash: await dataHash(path, record.encryption.headerBytes),
    volumeKeyHash: await volumeKeyHash(path, dek),
  };
}

/** Whether a key opens any keyslot of the image. */
export async function opens(deps: VolumeDeps, image: ImageRef, dek: Secret): Promise<boolean> {
  return (
    (await deps.cryptsetup.testKey(await deps.backEnd.images.withHeader(image, async (path) => path), dek)) !==
    undefined
  );
}

/** What nobody would miss: unfinished files, and what is in the kernel for no staged volume. */
export async function leftovers(driver: TestDriver): Promise<readonly string[]> {
  const names = readdirSync(driver.root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.new'));
  const state = await nodeState(driver.root);
  return isEmpty(state) ? names : [...names, JSON.stringify(state)];
}

/** Every file of the back end that belongs to an id, or all. */
export function filesOf(driver: TestDriver, id = ''): readonly string[] {
  const files = readdirSync(driver.backing, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  const paths = files.map((each) => join(each.parentPath, each.name));
  return paths.filter((path) => path.includes(id) || readFileSync(path).subarray(0, 4096).includes(id)).sort();
}

async function dataHash(path: string, headerBytes: number): Promise<string> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(1024 * 1024);
  const zeros = Buffer.alloc(buffer.length);
  // A copy may be larger than its source, with zeros behind; a hash of what is not zero says the same of both.
  for (let at = headerBytes; at < size; at += buffer.length) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    const part = buffer.subarray(0, bytesRead);
    if (!part.equals(zeros.subarray(0, bytesRead))) hash.update(`${at}:`).update(part);
  }
  await file.close();
  return hash.digest('hex');
}

async function volumeKeyHash(path: string, dek: Secret): Promise<string> {
  const args = ['luksDump', '--dump-volume-key', '--batch-mode', '--key-file', '-', path];
  const { stdout } = await run('cryptsetup', args, { stdin: [dek] });
  return createHash('sha256')
    .update(stdout.slice(stdout.indexOf('MK dump:')))
    .digest('hex');
}
