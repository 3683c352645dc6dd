/** Steps that look at the disk, grow it and copy it. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { readHeader } from '../../runtime/luks/header';
import { mappingDevice, mappingName } from '../../runtime/luks/mapping';
import type { SidecarRequests } from '../../tools/local-pod/sidecars';
import { findBytes, readAt } from '../observe/find-bytes';
import { opens } from '../observe/luks-key';
import { isIntact } from '../observe/test-file';
import type { Scene } from '../scene';
import { mebibytes } from '../text';
import { firstSizeBytes, stageVolume } from './first-use';

type Source = Parameters<SidecarRequests['createVolume']>[0];

const evidenceBytes = 64;
const nowhere = { count: 0, firstAt: undefined };
const expandedBytes = 2 * firstSizeBytes;

export async function look(scene: Scene): Promise<string> {
  const { id } = scene.volume('data');
  const image = scene.imagePath(id);
  const { marker } = scene.file;
  const { readBytes, found: inImage } = await findBytes(image, [marker]);
  // The same search one layer higher must find it, or finding nothing would mean nothing.
  const mapping = mappingDevice(mappingName(id));
  const { found: inMapping } = await findBytes(mapping, [marker]);
  const [below = nowhere] = inImage;
  const [above = nowhere] = inMapping;
  const { blocks } = await stat(image);
  const { dataOffsetBytes } = await readHeader(image);
  const offsetBytes = above.firstAt ?? 0;
  const throughMapping = await readAt(mapping, offsetBytes, evidenceBytes);
  const onDisk = await readAt(image, dataOffsetBytes + offsetBytes, evidenceBytes);
  const isWritten = onDisk.some((byte) => byte !== 0);
  scene.emit({
    type: 'evidence',
    evidence: { offsetBytes, throughMapping: throughMapping.toString('hex'), onDisk: onDisk.toString('hex') },
  });
  scene.prove(
    'plaintextNotOnDisk',
    below.count === 0 && above.count > 0 && isWritten && !onDisk.equals(throughMapping),
    `${below.count} occurrences in all ${mebibytes(readBytes)} of the backing file (${mebibytes(blocks * 512)} of them written); the same search through the opened volume finds ${above.count}`,
  );
  return `${below.count} occurrences below the encryption, ${above.count} above it`;
}

export async function expand(scene: Scene): Promise<string> {
  const { id, requests, target } = scene.volume('data');
  const capacityRange = { requiredBytes: BigInt(expandedBytes) };
  const volumeCapability = requests.capability;
  const before = await filesystemBytes(target);
  await scene.csi.controller.controllerExpandVolume({
    volumeId: id,
    capacityRange,
    volumeCapability,
    secrets: requests.secretsFor('controller-expand'),
  });
  await scene.csi.node.nodeExpandVolume({
    volumeId: id,
    volumePath: target,
    capacityRange,
    volumeCapability,
    secrets: requests.secretsFor('node-expand'),
  });
  const after = await filesystemBytes(target);
  const intact = await isIntact(join(target, scene.file.name), scene.file);
  const observed = `df went from ${mebibytes(before)} to ${mebibytes(after)} while mounted; the file is ${intact ? 'unchanged' : 'CHANGED'}`;
  // The file system keeps some for itself, but far less than what was added.
  scene.prove('expandedInUse', after - before > 0.75 * (expandedBytes - firstSizeBytes) && intact, observed);
  return observed;
}

export async function snapshot(scene: Scene): Promise<string> {
  const { id, requests } = scene.volume('data');
  const made = await scene.csi.controller.createSnapshot({
    sourceVolumeId: id,
    name: 'snapshot-orders-demo',
    secrets: requests.secretsFor('snapshotter'),
  });
  scene.snapshotId = made.snapshot?.snapshotId ?? '';
  if (made.snapshot?.readyToUse !== true) throw new Error('the snapshot is not ready to use');
  await scene.takeKey(scene.snapshotId, 'snapshots');
  await copy(scene, 'restored', { type: { case: 'snapshot', value: { snapshotId: scene.snapshotId } } });
  return `${mebibytes(Number(made.snapshot.sizeBytes))}, taken while mounted; restored to a new volume`;
}

export async function clone(scene: Scene): Promise<string> {
  await copy(scene, 'clone', { type: { case: 'volume', value: { volumeId: scene.volume('data').id } } });
  return 'made while the source stayed mounted';
}

export async function compare(scene: Scene): Promise<string> {
  const { firstKey: source } = scene.volume('data');
  const intact: boolean[] = [];
  const strange: boolean[] = [];
  const own: boolean[] = [];
  for (const role of ['restored', 'clone']) {
    const volume = scene.volume(role);
    await stageVolume(scene, volume);
    intact.push(await isIntact(join(volume.staging, scene.file.name), scene.file));
    const image = scene.imagePath(volume.id);
    strange.push(await opens(image, source));
    own.push(await opens(image, volume.firstKey));
  }
  scene.prove(
    'copiesIntact',
    intact.every(Boolean),
    `SHA-256 of ${scene.file.name} (${scene.file.sha256.slice(0, 12)}…) is the same in ${intact.filter(Boolean).length} of ${intact.length} copies`,
  );
  scene.prove(
    'copiesHaveOwnKeys',
    own.every(Boolean) && !strange.some(Boolean),
    `the source's key opens ${strange.filter(Boolean).length} of ${strange.length} copies, their own keys open ${own.filter(Boolean).length}`,
  );
  return 'same checksum, other keys';
}

async function copy(scene: Scene, role: string, source: Source): Promise<void> {
  const requests = scene.requests(role, `0d5c1f3e-demo-${role}`, expandedBytes);
  const { volume } = await scene.csi.controller.createVolume(requests.createVolume(source));
  if (volume?.contentSource === undefined) throw new Error('the answer does not name the source of the copy');
  await scene.addVolume(role, volume.volumeId, requests);
}

/** For users, as df counts. */
async function filesystemBytes(path: string): Promise<number> {
  const { blocks, bsize } = await statfs(path);
  return blocks * bsize;
}
