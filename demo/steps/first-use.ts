/** The steps from an idle node to a file on an encrypted volume. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readHeader } from '../../runtime/luks/header';
import { findToken } from '../../runtime/luks/token';
import { readMountinfo, topMount } from '../../runtime/mount/mountinfo';
import { describeState } from '../observe/node-state';
import { writeTestFile } from '../observe/test-file';
import type { Scene, Volume } from '../scene';
import { mebibytes } from '../text';

export const firstSizeBytes = 32 * 1024 * 1024;

export async function start(scene: Scene): Promise<string> {
  const startedAt = performance.now();
  await scene.startDriver();
  const { name, vendorVersion } = await scene.csi.identity.getPluginInfo({});
  scene.emit({ type: 'driver', version: vendorVersion });
  const readyMs = Math.round(performance.now() - startedAt);
  return `${name} ${vendorVersion} answers ${readyMs} ms after its process was started`;
}

export async function create(scene: Scene): Promise<string> {
  const requests = scene.requests('orders', '0d5c1f3e-demo-volume', firstSizeBytes);
  const { volume } = await scene.csi.controller.createVolume(requests.createVolume());
  const again = await scene.csi.controller.createVolume(requests.createVolume());
  const id = volume?.volumeId ?? '';
  if (id === '' || again.volume?.volumeId !== id) throw new Error('the repeated call gave another volume');
  await scene.addVolume('data', id, requests);
  return `${mebibytes(Number(volume?.capacityBytes))}, a random key of its own, wrapped by the passphrase; the repeated call gave the same volume`;
}

export async function stage(scene: Scene): Promise<string> {
  const volume = scene.volume('data');
  await stageVolume(scene, volume);
  await compareWithDeclaration(scene, volume);
  return `LUKS2 made, opened and mounted: ${describeState(await scene.nodeState())}`;
}

export async function publish(scene: Scene): Promise<string> {
  const volume = scene.volume('data');
  await publishVolume(scene, volume);
  const mount = topMount(await readMountinfo(), volume.target);
  if (!mount) throw new Error('nothing is mounted in the pod');
  return `the pod sees ${mount.fsType} of ${mount.source.replace(/[0-9a-f-]{36}$/, '…')}`;
}

export async function write(scene: Scene): Promise<string> {
  const { target } = scene.volume('data');
  scene.file = await writeTestFile(join(target, 'orders.txt'), 'orders.txt');
  return `${mebibytes(scene.file.sizeBytes)} and fsync; every ${scene.file.marker.length} bytes the same random sentence`;
}

/** What the kubelet asks for a pod that uses the volume. */
export async function stageVolume(scene: Scene, { id, requests, staging }: Volume): Promise<void> {
  mkdirSync(staging, { recursive: true });
  await scene.csi.node.nodeStageVolume({
    volumeId: id,
    stagingTargetPath: staging,
    volumeCapability: requests.capability,
    secrets: requests.secretsFor('node-stage'),
  });
}

export async function publishVolume(scene: Scene, { id, requests, staging, target }: Volume): Promise<void> {
  await scene.csi.node.nodePublishVolume({
    volumeId: id,
    stagingTargetPath: staging,
    targetPath: target,
    volumeCapability: requests.capability,
    secrets: requests.secretsFor('node-publish'),
  });
}

/** The header is read by other eyes than the driver's: what it says must be what the class asks for. */
async function compareWithDeclaration(scene: Scene, volume: Volume): Promise<void> {
  const { parameters } = scene.options.manifests.storageClass('encrypted');
  const header = await readHeader(scene.imagePath(volume.id));
  const [slot] = header.keyslots;
  const mount = topMount(await readMountinfo(), volume.staging);
  const found: Readonly<Record<string, string>> = {
    encryptionCipher: header.cipher,
    encryptionKeySize: `${header.keySizeBits}`,
    encryptionSectorSize: `${header.sectorSizeBytes}`,
    encryptionPbkdf: slot?.kdf?.type ?? 'none',
    encryptionPbkdfIterations: `${slot?.kdf?.iterations}`,
    encryptionKMSID: findToken(header)?.kmsId ?? 'no token',
    'csi.storage.k8s.io/fstype': mount?.fsType ?? 'not mounted',
  };
  const rows = Object.entries(found).map(([setting, value]) => ({
    setting,
    declared: parameters[setting] ?? '(not declared)',
    found: value,
  }));
  scene.emit({ type: 'comparison', rows });
  const differing = rows.filter((row) => row.declared !== row.found);
  scene.prove(
    'headerAsDeclared',
    differing.length === 0,
    differing.length === 0
      ? `${rows.length} of ${rows.length} settings agree: ${header.cipher}, ${header.keySizeBits} bit, sectors of ${header.sectorSizeBytes} bytes, KMS "${findToken(header)?.kmsId}" in the token`
      : differing.map((row) => `${row.setting}: declared ${row.declared}, found ${row.found}`).join('; '),
  );
}
