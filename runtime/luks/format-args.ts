/** What luksFormat is told of a volume: where its header ends, its cipher, and what its keyslots cost. */
import type { LuksParameters } from '../../lib/schema/volume-parameters';

/**
 * Start of the data on the device, pinned: the same as in volumes of ceph-csi, and room for every later need of the
 * header. What the metadata and keyslot areas take of it decides how long a format lasts (cryptsetup fills the keyslot
 * area with random bytes): 4 MiB is the least that holds all 16 keyslots, and a quarter of the default.
 */
export const headerBytes = 16 * 1024 * 1024;
const metadataArea = '16k';
const keyslotsArea = '4096k';

/** Without device and key. */
export function formatArgs(uuid: string, luks: LuksParameters): readonly string[] {
  const { cipher, keySizeBits, sectorSizeBytes, integrity } = luks;
  return [
    '--batch-mode',
    ...['--type', 'luks2', '--hash', 'sha256', '--uuid', uuid],
    ...['--offset', `${headerBytes / 512}`],
    ...['--luks2-metadata-size', metadataArea, '--luks2-keyslots-size', keyslotsArea],
    ...['--cipher', cipher, '--key-size', `${keySizeBits}`, '--sector-size', `${sectorSizeBytes}`],
    ...(integrity === undefined ? [] : ['--integrity', integrity]),
    ...derivation(luks),
  ];
}

/** The cost is pinned: a benchmark on a busy node would take seconds and give another answer each time (design §9). */
export function derivation({ pbkdf, pbkdfIterations, pbkdfMemoryKiB }: LuksParameters): string[] {
  if (pbkdf === 'pbkdf2') return ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', `${pbkdfIterations ?? 1000}`];
  const memory = ['--pbkdf-memory', `${pbkdfMemoryKiB ?? 32_768}`, '--pbkdf-parallel', '1'];
  return ['--pbkdf', pbkdf, '--pbkdf-force-iterations', `${pbkdfIterations ?? 4}`, ...memory];
}
