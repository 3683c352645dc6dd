import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programImage } from '../../../../tools/image/program-image';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-program-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a program is at the root of its image under its own name, and is what a container starts', () => {
  const program = join(folder, 'csi-resizer');
  writeFileSync(program, 'code', { mode: 0o755 });
  const { entrypoint, layers, user } = programImage('registry.k8s.io/sig-storage/csi-resizer:v2.3.0', program);
  expect(entrypoint).toEqual(['/csi-resizer']);
  expect(user).toBeUndefined();
  expect(layers.flatMap(({ entries }) => entries)).toContainEqual({
    type: 'file',
    path: '/csi-resizer',
    mode: 0o755,
    content: { file: program },
  });
});

test('refuses a program that is not built', () => {
  expect(() => programImage('registry.example.com/absent:1', join(folder, 'absent'))).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  );
});
