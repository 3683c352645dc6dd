/** What the image of keyward holds of Debian: the commands that the driver starts, and what those read. */

/** Which back ends an image serves: volumes that are files of a node, or images of Ceph as well. */
export type Flavour = 'standard' | 'ceph';

export const FLAVOURS = ['standard', 'ceph'] as const satisfies readonly Flavour[];

/** Files of one package. */
export interface PackageContents {
  readonly package: string;
  /** Commands that the driver starts, or what it starts, or that messages of keyward tell a person to start. */
  readonly commands: readonly string[];
  /** Libraries that no command links to: they are loaded by name. */
  readonly libraries?: readonly string[];
  readonly files?: readonly string[];
}

const standard: readonly PackageContents[] = [
  // Scanners tell the distribution by these.
  { package: 'base-files', commands: [], files: ['/etc/debian_version', '/etc/os-release', '/usr/lib/os-release'] },
  // `env` runs /usr/local/bin/keyward.
  { package: 'coreutils', commands: ['cp', 'env', 'tee', 'timeout'] },
  { package: 'cryptsetup-bin', commands: ['cryptsetup'] },
  { package: 'dmsetup', commands: ['dmsetup'] },
  { package: 'e2fsprogs', commands: ['e2fsck', 'mkfs.ext4', 'resize2fs'], files: ['/etc/mke2fs.conf'] },
  // What Node.js links to.
  { package: 'libstdc++6', commands: [] },
  { package: 'mount', commands: ['losetup', 'mount', 'umount'] },
  { package: 'util-linux', commands: ['blkid', 'fstrim'] },
  { package: 'xfsprogs', commands: ['mkfs.xfs', 'xfs_growfs', 'xfs_repair'] },
];

const ceph: readonly PackageContents[] = [
  // rbd itself asks date, of coreutils, when it moves an image to the trash.
  { package: 'ceph-common', commands: ['rbd', 'date'] },
  { package: 'librados2', commands: [], libraries: ['librados.so.2'] },
  { package: 'librbd1', commands: [], libraries: ['librbd.so.1'] },
  { package: 'rbd-nbd', commands: ['rbd-nbd'] },
];

/** The packages of a flavour that are named; what they depend on comes with them. */
export function contentsOf(flavour: Flavour): readonly PackageContents[] {
  return flavour === 'ceph' ? [...standard, ...ceph] : standard;
}
