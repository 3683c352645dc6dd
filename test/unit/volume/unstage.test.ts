import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyedLock } from '../../../runtime/async/keyed-lock';
import { silentLog } from '../../../runtime/log';
import { Mounts } from '../../../runtime/mount/mounts';
import type { Run } from '../../../runtime/process/run';
import type { VolumeDeps } from '../../../runtime/volume/context';
import { StageRecords } from '../../../runtime/volume/stage-record';
import { unstageVolume } from '../../../runtime/volume/unstage';

/** No tool is to be started. */
const run: Run = (tool) => Promise.reject(new Error(`${tool} was started`));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-unstage-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each(['no-such-volume', 'an id/with a blank', 'x'.repeat(200)])(
  'of %j, which was never staged, does nothing',
  async (id) => {
    const detached: string[] = [];
    const detach = (volumeId: string) => Promise.resolve(void detached.push(volumeId));
    const deps = {
      run,
      mounts: new Mounts(run),
      stages: new StageRecords(folder),
      locks: new KeyedLock(),
      log: silentLog,
      backEnd: { devices: { detach } },
    } as unknown as VolumeDeps;
    await unstageVolume(deps, id, join(folder, 'staging'));
    expect(detached).toEqual([id]);
  },
);
