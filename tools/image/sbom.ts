/** What an image is made of, for scanners and people: SPDX 2.3 as JSON. Source: https://spdx.github.io/spdx-spec/v2.3/ */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DebianPackage } from './debian/apt';
import type { NpmPackage } from './npm-packages';

export interface SbomProps {
  /** Name of the image. */
  readonly name: string;
  readonly version: string;
  readonly created: string;
  readonly nodeVersion: string;
  readonly debian: readonly DebianPackage[];
  readonly npm: readonly NpmPackage[];
}

/** A package of the document. */
export interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly downloadLocation: string;
  readonly filesAnalyzed: false;
  readonly licenseConcluded: string;
  readonly licenseDeclared: string;
  readonly copyrightText: string;
  readonly checksums?: readonly { readonly algorithm: 'SHA256'; readonly checksumValue: string }[];
  readonly externalRefs: readonly {
    readonly referenceCategory: 'PACKAGE-MANAGER';
    readonly referenceType: 'purl';
    readonly referenceLocator: string;
  }[];
}

/** The document. Its namespace is derived from its content: the same image has the same. */
export function sbom(props: SbomProps) {
  const { name, version, created, nodeVersion, debian, npm } = props;
  const image = spdxPackage('image', 'keyward', version, `pkg:npm/keyward@${version}`, 'Apache-2.0');
  const parts = [
    ...debian.map((each) => debianPackage(each)),
    spdxPackage('generic', 'node', nodeVersion, `pkg:generic/node@${nodeVersion}`, 'MIT'),
    ...npm.map((each) => npmPackage(each)),
  ];
  const hash = createHash('sha256')
    .update(JSON.stringify([name, created, image, parts]))
    .digest('hex');
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://spdx.org/spdxdocs/keyward-${version}-${hash.slice(0, 32)}`,
    creationInfo: { created, creators: [`Tool: keyward-image-${version}`] },
    packages: [image, ...parts],
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', image.SPDXID),
      ...parts.map((part) => relation(image.SPDXID, 'CONTAINS', part.SPDXID)),
    ],
  };
}

function debianPackage({ name, version, architecture, file }: DebianPackage): SpdxPackage {
  const locator = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12`;
  const checksumValue = createHash('sha256').update(readFileSync(file)).digest('hex');
  return { ...spdxPackage('deb', name, version, locator), checksums: [{ algorithm: 'SHA256', checksumValue }] };
}

function npmPackage({ name, version, license }: NpmPackage): SpdxPackage {
  return spdxPackage('npm', name, version, `pkg:npm/${name.replace('@', '%40')}@${version}`, license);
}

function spdxPackage(
  kind: string,
  name: string,
  versionInfo: string,
  locator: string,
  licenseDeclared = 'NOASSERTION',
): SpdxPackage {
  return {
    SPDXID: `SPDXRef-${kind}-${`${name}-${versionInfo}`.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}`,
    name,
    versionInfo,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared,
    copyrightText: 'NOASSERTION',
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator }],
  };
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}
