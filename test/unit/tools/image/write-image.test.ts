import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../../../../tools/image/entry';
import { type Image, writeImage } from '../../../../tools/image/write-image';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-image-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const longPath = `/srv/${'deep/'.repeat(60)}file`;
const entries: readonly Entry[] = [
  { type: 'file', path: '/usr/bin/program', mode: 0o755, content: Buffer.from('#!/bin/nothing\n') },
  { type: 'link', path: '/bin', target: 'usr/bin' },
  { type: 'folder', path: '/tmp', mode: 0o1777 },
  { type: 'file', path: longPath, uid: 7, gid: 8, content: Buffer.alloc(1000, 'x') },
];
const image: Image = {
  name: 'registry.example.com:5000/team/tool:1.0',
  layers: [{ entries, comment: 'all of it' }],
  entrypoint: ['/usr/bin/program'],
  user: '65532:65532',
  env: { LANG: 'C' },
  labels: { 'org.opencontainers.image.title': 'tool' },
  createdSeconds: 1_700_000_000,
};

/** The parsed parts of an image, found as importers find them; every blob is checked against its name. */
function read(file: string) {
  const out = join(folder, 'out');
  mkdirSync(out);
  execFileSync('tar', ['-xf', file, '-C', out]);
  for (const name of readdirSync(join(out, 'blobs/sha256')))
    expect(
      createHash('sha256')
        .update(readFileSync(join(out, 'blobs/sha256', name)))
        .digest('hex'),
    ).toBe(name);
  const json = (path: string) => JSON.parse(readFileSync(join(out, path), 'utf8'));
  const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
  const index = json('index.json');
  const manifest = json(blob(index.manifests[0].digest));
  return {
    index,
    manifest,
    config: json(blob(manifest.config.digest)),
    docker: json('manifest.json'),
    layout: json('oci-layout'),
    layers: manifest.layers.map(({ digest }: { digest: string }) => join(out, blob(digest))) as string[],
    blob,
  };
}

const verbose = (file: string) =>
  execFileSync('tar', ['-tvf', file, '--numeric-owner', '--full-time', '--utc'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' '));

test('the same image gives the same bytes, whatever the order of its entries', async () => {
  const [first, second] = [join(folder, 'first.tar'), join(folder, 'second.tar')];
  const written = await writeImage(image, first);
  const again = await writeImage(
    { ...image, layers: [{ entries: [...entries].reverse(), comment: 'all of it' }] },
    second,
  );
  expect(again).toEqual({ ...written, file: second });
  expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
});

test('is an OCI image layout and a docker-archive of the same blobs', async () => {
  const file = join(folder, 'image.tar');
  const { digest, id, layers } = await writeImage(image, file);
  const { index, manifest, config, docker, layout, blob } = read(file);
  expect(layout).toEqual({ imageLayoutVersion: '1.0.0' });
  expect(index.manifests).toEqual([
    expect.objectContaining({
      digest,
      annotations: { 'io.containerd.image.name': image.name, 'org.opencontainers.image.ref.name': '1.0' },
    }),
  ]);
  expect(manifest.config.digest).toBe(id);
  expect(manifest.annotations).toEqual(image.labels);
  expect(docker).toEqual([
    { Config: blob(id), RepoTags: [image.name], Layers: layers.map(({ descriptor }) => blob(descriptor.digest)) },
  ]);
  expect(config).toMatchObject({
    created: '2023-11-14T22:13:20Z',
    os: 'linux',
    config: { Entrypoint: ['/usr/bin/program'], User: '65532:65532', Labels: image.labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: [{ comment: 'all of it' }],
  });
  expect(config.config.Env).toContain('LANG=C');
});

test('a layer has the folders above its files, owners by number, and one time for all', async () => {
  const file = join(folder, 'image.tar');
  await writeImage({ ...image, compression: 'none' }, file);
  const [layer = ''] = read(file).layers;
  const lines = verbose(layer);
  expect(lines).toContain('lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 bin -> usr/bin');
  expect(lines).toContain('drwxrwxrwt 0/0 0 1970-01-01 00:00:00 tmp/');
  expect(lines).toContain('drwxr-xr-x 0/0 0 1970-01-01 00:00:00 usr/bin/');
  expect(lines).toContain('-rwxr-xr-x 0/0 15 1970-01-01 00:00:00 usr/bin/program');
  expect(lines).toContain(`-rw-r--r-- 7/8 1000 1970-01-01 00:00:00 ${longPath.slice(1)}`);
});

test('the digest of the uncompressed layer depends on its entries alone', async () => {
  const packed = await writeImage(image, join(folder, 'packed.tar'));
  const plain = await writeImage({ ...image, compression: 'none' }, join(folder, 'plain.tar'));
  expect(plain.layers[0]?.diffId).toBe(packed.layers[0]?.diffId);
  expect(plain.layers[0]?.descriptor.digest).toBe(plain.layers[0]?.diffId);
  expect(packed.layers[0]?.descriptor.digest).not.toBe(packed.layers[0]?.diffId);
});

test.each(['tool', 'tool:1.0', 'team/tool:1.0', 'registry.example.com/tool', 'registry.example.com/Tool:1.0', ''])(
  'refuses the name %p, which containerd would not complete',
  async (name) => {
    await expect(writeImage({ ...image, name }, join(folder, 'x.tar'))).rejects.toMatchObject({
      code: 'IMAGE_NAME_INVALID',
    });
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.each([
  ['a relative path', [{ type: 'folder', path: 'usr' }]],
  ['a path that leaves the root', [{ type: 'folder', path: '/usr/../../etc' }]],
  ['the root itself', [{ type: 'folder', path: '/' }]],
  ['a file below a link', [entries[1], { type: 'folder', path: '/bin/below' }]],
] as readonly (readonly [string, readonly Entry[]])[])('refuses %s', async (_, wrong) => {
  await expect(writeImage({ ...image, layers: [{ entries: wrong }] }, join(folder, 'x.tar'))).rejects.toMatchObject({
    code: 'IMAGE_ENTRY_INVALID',
  });
});

test('a file that cannot be read leaves the image of before, and nothing beside it', async () => {
  const file = join(folder, 'image.tar');
  writeFileSync(file, 'before');
  const absent: Entry = { type: 'file', path: '/x', content: { file: join(folder, 'absent') } };
  await expect(writeImage({ ...image, layers: [{ entries: [absent] }] }, file)).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(readdirSync(folder)).toEqual(['image.tar']);
  expect(readFileSync(file, 'utf8')).toBe('before');
});
