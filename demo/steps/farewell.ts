/** The steps that take everything away again, and prove that it is gone. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ciphertextOf } from '../observe/luks-key';
import { describeState, isEmpty } from '../observe/node-state';
import { searchFolder } from '../observe/secret-search';
import type { Scene, Volume } from '../scene';

export async function unstage(scene: Scene): Promise<string> {
  const before = await scene.nodeState();
  await unpublishVolume(scene, scene.volume('data'));
  for (const volume of scene.volumes.values()) await unstageVolume(scene, volume);
  const after = await scene.nodeState();
  scene.prove(
    'nothingLeftOnNode',
    !isEmpty(before) && isEmpty(after) && !existsSync(scene.volume('data').target),
    `before: ${describeState(before)}; after: ${describeState(after)}`,
  );
  return `${scene.volumes.size} volumes unmounted and closed`;
}

export async function deleteAll(scene: Scene): Promise<string> {
  const wrapped = scene.keys.map((key) => ciphertextOf(key));
  const before = await filesWith(scene, wrapped);
  const { controller } = scene.csi;
  const [anyVolume] = scene.volumes.values();
  await controller.deleteSnapshot({
    snapshotId: scene.snapshotId,
    secrets: anyVolume?.requests.secretsFor('snapshotter') ?? {},
  });
  for (const { id, requests } of scene.volumes.values()) {
    await controller.deleteVolume({ volumeId: id, secrets: requests.secretsFor('provisioner') });
    // The sidecars repeat calls: what is gone is no error.
    await controller.deleteVolume({ volumeId: id, secrets: requests.secretsFor('provisioner') });
  }
  const after = await filesWith(scene, wrapped);
  const left = [...scene.volumes.values()].flatMap(({ id }) => [scene.recordPath(id), scene.imagePath(id)]);
  const remaining = [...left, scene.recordPath(scene.snapshotId, 'snapshots')].filter((path) => existsSync(path));
  const images = readdirSync(dirname(scene.imagePath('any')));
  scene.prove(
    'keysGone',
    before > 0 && after === 0 && remaining.length === 0 && images.length === 0,
    `wrapped keys were in ${before} files and are in ${after}; ${remaining.length} records and ${images.length} images are left`,
  );
  return `${scene.volumes.size} volumes and the snapshot, with their keys`;
}

export async function stop(scene: Scene): Promise<string> {
  const sockets = [...scene.pod.sockets.values()];
  await scene.stopDriver();
  const left = sockets.filter((path) => existsSync(path));
  if (left.length > 0) throw new Error(`the driver left its socket behind: ${left.join(', ')}`);
  return 'SIGTERM; calls drained, sockets removed';
}

export async function unpublishVolume(scene: Scene, { id, target }: Volume): Promise<void> {
  await scene.csi.node.nodeUnpublishVolume({ volumeId: id, targetPath: target });
}

export async function unstageVolume(scene: Scene, { id, staging }: Volume): Promise<void> {
  await scene.csi.node.nodeUnstageVolume({ volumeId: id, stagingTargetPath: staging });
}

async function filesWith(scene: Scene, needles: readonly Buffer[]): Promise<number> {
  const { places } = await searchFolder(scene.root, needles);
  return new Set(places.flat()).size;
}
