/**
 * The embedded back end: sparse files in a directory of the node, attached as loop devices.
 *
 *     names/<sha256>               which id a name has
 *     records/{volumes,snapshots}/<id>.json
 *     images/{volumes,snapshots}/<id>.img
 *
 * One process a directory: updates of one record are ordered inside the process only.
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Run } from '../../process/run';
import type { BackEnd, Devices } from '../back-end';
import { snapshotRecordSchema, volumeRecordSchema } from '../record-schema';
import { nodeHash, nodeHashOf } from './ids';
import { FileImages, imageFolders } from './images';
import { LoopDevices } from './loop-devices';
import { FileRecords, notFound } from './records';

export interface LoopBackEndOptions {
  readonly directory: string;
  /** Becomes part of the ids; must stay the same for the life of the node. */
  readonly nodeId: string;
  /** What all images together may promise. @default what the file system of the directory can keep */
  readonly capacityBytes?: number;
}

/** Makes the folders where they are missing and removes what a crash left over. */
export async function openLoopBackEnd(options: LoopBackEndOptions, deps: { readonly run: Run }): Promise<BackEnd> {
  const directory = resolve(options.directory);
  const { nodeId, capacityBytes } = options;
  for (const folder of imageFolders(directory)) await mkdir(folder, { recursive: true, mode: 0o700 });
  const devices = new LoopDevices(deps.run);
  const images = new FileImages({
    directory,
    run: deps.run,
    devices,
    ...(capacityBytes !== undefined && { capacityBytes }),
  });
  await images.sweep();
  return {
    reach: 'node',
    volumes: new FileRecords({ directory, nodeId, kind: 'volume', schema: volumeRecordSchema }),
    snapshots: new FileRecords({ directory, nodeId, kind: 'snapshot', schema: snapshotRecordSchema }),
    images,
    devices: volumeDevices(images, devices),
    isElsewhere: (id) => ![undefined, nodeHash(nodeId)].includes(nodeHashOf(id)),
    // One process a directory, and that has its own locks.
    exclusively: (_id, action) => action({ confirm: async () => undefined }),
    volumeContext: async () => ({}),
    capacity: async () => {
      const available = await images.availableBytes();
      return { availableBytes: available, maximumImageBytes: available };
    },
  };
}

/** The port speaks of volume ids, loop devices of files. */
function volumeDevices(images: FileImages, devices: LoopDevices): Devices {
  const path = (id: string) => images.path({ kind: 'volume', id });
  return {
    attach: async (id, signal) => {
      if ((await images.sizeBytes({ kind: 'volume', id })) === undefined) throw notFound('volume', id);
      return devices.attach(path(id), signal);
    },
    find: async (id) => (nodeHashOf(id) === undefined ? undefined : devices.find(path(id))),
    refreshSize: (id) => devices.refreshSize(path(id)),
    detach: async (id) => {
      if (nodeHashOf(id) !== undefined) await devices.detach(path(id));
    },
  };
}
