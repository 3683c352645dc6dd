import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npmPackagesOf } from '../../../../tools/image/npm-packages';
import { sbom } from '../../../../tools/image/sbom';

const root = join(__dirname, '../../../..');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-sbom-'));
  writeFileSync(join(folder, 'a.deb'), 'abc');
});
afterAll(() => rmSync(folder, { recursive: true }));

const document = (created = '2026-11-23T00:00:00Z') =>
  sbom({
    name: 'registry.example.com/keyward:0.1.0',
    version: '0.1.0',
    created,
    nodeVersion: '20.20.2',
    debian: [
      { name: 'libstdc++6', version: '1:12.2.0-14+deb12u1', architecture: 'amd64', file: join(folder, 'a.deb') },
    ],
    npm: [{ name: '@grpc/grpc-js', version: '1.14.7', license: 'Apache-2.0' }],
  });

test('names each part by the locator that scanners look up, and the package of Debian by its hash', () => {
  const { packages } = document();
  expect(packages.map(({ externalRefs }) => externalRefs[0]?.referenceLocator)).toEqual([
    'pkg:npm/keyward@0.1.0',
    'pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12',
    'pkg:generic/node@20.20.2',
    'pkg:npm/%40grpc/grpc-js@1.14.7',
  ]);
  expect(packages[1]?.checksums).toEqual([
    { algorithm: 'SHA256', checksumValue: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
  ]);
  expect(packages[3]).toMatchObject({ versionInfo: '1.14.7', licenseDeclared: 'Apache-2.0', filesAnalyzed: false });
});

test('is an SPDX document: ids are unique and plain, every part is contained in the image', () => {
  const { packages, relationships, ...head } = document();
  expect(head).toMatchObject({ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: 'SPDXRef-DOCUMENT' });
  const [image, ...parts] = packages.map(({ SPDXID }) => SPDXID);
  expect(new Set([image, ...parts]).size).toBe(packages.length);
  for (const id of [image, ...parts]) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  expect(relationships).toEqual([
    { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: image },
    ...parts.map((part) => ({ spdxElementId: image, relationshipType: 'CONTAINS', relatedSpdxElement: part })),
  ]);
});

test('the same image has the same document, another one another namespace', () => {
  expect(document()).toEqual(document());
  expect(document('2026-11-24T00:00:00Z').documentNamespace).not.toBe(document().documentNamespace);
});

test('a bundle is made of the packages of its sources, each once', () => {
  const sources = ['runtime/bin/keyward.ts', 'node_modules/zod/index.js', 'node_modules/zod/v4/core/api.js'];
  const packages = npmPackagesOf(root, [...sources, 'node_modules/@grpc/grpc-js/build/src/index.js']);
  expect(packages.map(({ name, license }) => [name, license])).toEqual([
    ['@grpc/grpc-js', 'Apache-2.0'],
    ['zod', 'MIT'],
  ]);
});
