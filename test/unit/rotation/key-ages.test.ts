import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLuks } from '../../../lib/schema/luks-parameters';
import type { VolumeRecord } from '../../../runtime/device/record';
import { createMetrics } from '../../../runtime/driver/metrics';
import { keyAges } from '../../../runtime/rotation/key-ages';
import { StageRecords } from '../../../runtime/volume/stage-record';
import { Verifications } from '../../../runtime/volume/verifications';

const folder = mkdtempSync(join(tmpdir(), 'kw-ages-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stages = new StageRecords(folder);
const verifications = new Verifications(folder);
const now = () => new Date('2026-03-31T00:00:00Z');
const uuid = '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11';

async function staged(id: string, createdAt: string, more: Partial<VolumeRecord>, rotatedAt?: string) {
  const volume: VolumeRecord = {
    id,
    name: id,
    createdAt,
    sizeBytes: 1024,
    complete: true,
    encryption: {
      kmsId: 'vault',
      owner: 'shop',
      luksUuid: uuid,
      luks: defaultLuks,
      headerBytes: 1024,
      phase: 'ready',
      fsUuid: uuid,
      ...(rotatedAt !== undefined && { rotatedAt }),
    },
    ...more,
  };
  const place = { stagingPath: `/staging/${id}`, accessType: 'mount' as const, readOnly: false, mountFlags: [] };
  await stages.put({ version: 1, volumeId: id, ...place, volume });
}

test('R2: the metrics have the oldest key of each KMS and class, and of volumes whose class nobody noted', async () => {
  await staged('a', '2026-01-01T00:00:00Z', { className: 'fast' }, '2026-03-30T00:00:00Z');
  await staged('b', '2026-03-01T00:00:00Z', { className: 'fast' });
  await staged('c', '2026-03-21T00:00:00Z', { className: 'slow' });
  await staged('d', '2026-03-29T00:00:00Z', {});
  await verifications.put({ id: 'b', outcome: 'OK', at: '2026-03-31T00:00:00Z' });
  const text = await createMetrics(() => keyAges({ stages, verifications, now })).render();
  const days = (metric: string) =>
    Object.fromEntries(
      [...text.matchAll(new RegExp(`^${metric}\\{kms="vault",class="(\\w*)"\\} (\\d+)$`, 'gm'))].map(
        ([, name = '', seconds]) => [name, Number(seconds) / 86_400],
      ),
    );
  expect(days('keyward_key_age_seconds')).toEqual({ fast: 30, slow: 10, '': 2 });
  expect(days('keyward_key_verified_age_seconds')).toEqual({ fast: 89, slow: 10, '': 2 });
});
