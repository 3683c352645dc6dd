/** Processors that images are made for: that of this machine, since Node.js and koffi come from it. */
import { ImageError } from './image-error';

/** As OCI and Debian name them. */
export type Architecture = 'amd64' | 'arm64';

const known: Readonly<Record<string, Architecture>> = { x64: 'amd64', arm64: 'arm64' };

/** The architecture of this machine. @throws ImageError ARCHITECTURE_UNKNOWN */
export function hostArchitecture(): Architecture {
  const name = known[process.arch];
  if (name !== undefined) return name;
  throw new ImageError('ARCHITECTURE_UNKNOWN', `No image is made for ${process.arch}. Build on x64 or arm64.`);
}

/** Name of Debian's folder of libraries. Source: https://wiki.debian.org/Multiarch/Tuples */
export function libraryFolder(): string {
  return `/usr/lib/${hostArchitecture() === 'amd64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
}
