/** Steps about the key: killed in the middle of a rotation, gone on, rotated again, closed and opened, searched for. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHeader } from '../../runtime/luks/header';
import { CallError } from '../../tools/csi-client/call-error';
import { ciphertextOf, opens, readKeyRecord } from '../observe/luks-key';
import { searchFolder, searchProcesses } from '../observe/secret-search';
import { isIntact } from '../observe/test-file';
import type { Scene } from '../scene';
import { unpublishVolume, unstageVolume } from './farewell';
import { publishVolume, stageVolume } from './first-use';

const pollMs = 5;
const patienceMs = 60_000;

export async function kill(scene: Scene): Promise<string> {
  const { id, target } = scene.volume('data');
  let outcome: unknown = 'running';
  const call = rotateKey(scene).then(
    () => {
      outcome = 'done';
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  await waitForRotation(scene.recordPath(id), () => outcome !== 'running');
  const inFlight = outcome === 'running';
  await scene.killDriver();
  await call;
  const status = outcome instanceof CallError ? outcome.status : String(outcome);
  if (!inFlight || !(outcome instanceof CallError)) throw new Error(`the call had ended before the kill: ${status}`);

  const readable = await isIntact(join(target, scene.file.name), scene.file);
  const key = await scene.takeKey(id);
  const image = await headerFile(scene, id);
  const { keyslots } = await readHeader(image);
  const opened = await opens(image, key);
  scene.prove(
    'survivesKill',
    readable && opened && (await readKeyRecord(scene.recordPath(id))).isRotating,
    `SIGKILL with the rotation under way (the caller got ${status}); while the driver was dead the pod read its file unchanged, and the key in the record opened the header with its ${keyslots.length} keyslot${keyslots.length === 1 ? '' : 's'}`,
  );
  return `SIGKILL with the call in flight (${status}); the pod's file stays readable`;
}

export async function recover(scene: Scene): Promise<string> {
  const { id, target } = scene.volume('data');
  const startedAt = performance.now();
  await scene.startDriver();
  const readyMs = Math.round(performance.now() - startedAt);
  await rotateKey(scene);
  const intact = await isIntact(join(target, scene.file.name), scene.file);
  const { isRotating } = await readKeyRecord(scene.recordPath(id));
  const { keyslots } = await readHeader(await headerFile(scene, id));
  if (!intact || isRotating || keyslots.length !== 1) {
    throw new Error(
      `after the repeated call: file intact ${intact}, rotating ${isRotating}, ${keyslots.length} keyslots`,
    );
  }
  return `ready again in ${readyMs} ms; the repeated call finished the rotation; 1 keyslot; file unchanged`;
}

export async function rotate(scene: Scene): Promise<string> {
  const { id, firstKey } = scene.volume('data');
  const image = await headerFile(scene, id);
  const before = await scene.takeKey(id);
  const openedBefore = await opens(image, before);
  const startedAt = performance.now();
  await rotateKey(scene);
  const tookMs = Math.round(performance.now() - startedAt);
  const after = await scene.takeKey(id);
  const answers = {
    first: await opens(image, firstKey),
    before: await opens(image, before),
    after: await opens(image, after),
  };
  const { keyslots } = await readHeader(image);
  scene.prove(
    'oldKeyRejected',
    openedBefore && !answers.first && !answers.before && answers.after && keyslots.length === 1,
    `cryptsetup refuses the first key and the second, which opened the header a moment before; it takes the new one; ${keyslots.length} keyslot left`,
  );
  return `in place and in use, ${tookMs} ms; both old keys are refused`;
}

export async function restage(scene: Scene): Promise<string> {
  const volume = scene.volume('data');
  await unpublishVolume(scene, volume);
  await unstageVolume(scene, volume);
  await stageVolume(scene, volume);
  await publishVolume(scene, volume);
  const intact = await isIntact(join(volume.target, scene.file.name), scene.file);
  scene.prove(
    'readableWithNewKey',
    intact,
    `unmounted, closed, opened with the new key, mounted: ${scene.file.name} is ${intact ? 'unchanged' : 'CHANGED'} (SHA-256 ${scene.file.sha256.slice(0, 12)}…)`,
  );
  return 'opened with the new key; file unchanged';
}

export async function search(scene: Scene): Promise<string> {
  const wrapped = scene.keys.map((key) => ciphertextOf(key));
  const control = Buffer.from(scene.options.command.at(-1) ?? '');
  return scene.withSecrets(async (secrets) => {
    const files = await searchFolder(scene.root, [...secrets, ...wrapped]);
    const processes = await searchProcesses([...secrets, control]);
    const places = [...files.places.slice(0, secrets.length), ...processes.places.slice(0, secrets.length)].flat();
    // What must be findable: the wrapped keys in the records, the driver's own arguments.
    const records = new Set(files.places.slice(secrets.length).flat()).size;
    const drivers = processes.places.slice(secrets.length).flat().length;
    scene.prove(
      'noKeyInTheOpen',
      places.length === 0 && records > 0 && drivers > 0,
      places.length === 0
        ? `the passphrase and ${secrets.length - 1} keys are in none of ${files.searched} files (images, records, logs) and in no argument or environment of ${processes.searched} processes; the same search finds the wrapped keys in ${records} records and the driver's arguments in ${drivers} place${drivers === 1 ? '' : 's'}`
        : `found in ${places.join(', ')}`,
    );
    return `${files.searched} files and ${processes.searched} processes searched`;
  });
}

function rotateKey(scene: Scene): Promise<unknown> {
  const { id, requests } = scene.volume('data');
  // The CSI-Addons sidecar sends the secrets of the node-stage reference.
  return scene.csi.rotation.encryptionKeyRotate({
    volumeId: id,
    volumeCapability: requests.capability,
    secrets: requests.secretsFor('node-stage'),
  });
}

async function waitForRotation(recordPath: string, ended: () => boolean): Promise<void> {
  const until = performance.now() + patienceMs;
  while (!ended() && performance.now() < until) {
    if ((await readKeyRecord(recordPath)).isRotating) return;
    await sleep(pollMs);
  }
}

/** The loop device while there is one: it has a cache of its own over the file. */
async function headerFile(scene: Scene, id: string): Promise<string> {
  const file = scene.imagePath(id);
  return (await scene.nodeState()).loops.find((loop) => loop.file === file)?.device ?? file;
}
