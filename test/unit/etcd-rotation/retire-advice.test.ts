import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResumeFile } from '../../../runtime/etcd-rotation/resume-file';
import { retireAdvice } from '../../../runtime/etcd-rotation/retire-advice';

test.each([
  ['transit:transit/kms:v3:2026-01-01T00:00:00Z', 'transit/keys/kms', '3'],
  ['transit:team/a/transit/kms:v12', 'team/a/transit/keys/kms', '12'],
  ['vault:v2', 'MOUNT/keys/KEY', '2'],
  ['4', 'MOUNT/keys/KEY', '4'],
  ['transit:sha256-abc:v2', 'MOUNT/keys/KEY', '2'],
  ['transit:a/b;reboot:v2', 'MOUNT/keys/KEY', '2'],
  ['arn:aws:kms', 'MOUNT/keys/KEY', 'VERSION'],
  [undefined, 'MOUNT/keys/KEY', 'VERSION'],
])('after %s the commands are about %s from version %s on', (keyId, path, version) => {
  expect(retireAdvice(keyId)).toMatchObject({
    forbidOldVersions: `bao write ${path}/config min_decryption_version=${version}`,
    deleteOldVersions: `bao write ${path}/trim min_available_version=${version}`,
  });
});

describe('the state of a rotation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-resume-'));
  const file = join(folder, 'state');
  const target = { provider: 'k8s:enc:kms:v2:vault:', keyIdHash: 'sha256:1' };
  const done = { last: 'default/b', startRevision: '7' };
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is found again for the same target only, and removed at the end', async () => {
    const first = await ResumeFile.open(file);
    expect(first.doneBefore('secrets', target)).toBeUndefined();
    await first.done('secrets', target, done);
    const second = await ResumeFile.open(file);
    expect(second.doneBefore('secrets', target)).toMatchObject(done);
    expect(second.doneBefore('secrets', { ...target, keyIdHash: 'sha256:2' })).toBeUndefined();
    expect(second.doneBefore('configmaps', target)).toBeUndefined();
    await second.remove();
    expect((await ResumeFile.open(file)).doneBefore('secrets', target)).toBeUndefined();
  });

  test.each(['', 'precious', '{"version":2}', '[]'])('refuses a file with %j, and leaves it', async (text) => {
    writeFileSync(file, text);
    await expect(ResumeFile.open(file)).toRejectWithCode('CONFIG_INVALID');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
