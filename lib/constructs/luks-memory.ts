// Trap 12: a key derivation that needs more memory than the driver's container may have is killed in the middle of an open.
import { driverOwnMebibytes } from '../rules/driver-memory';
import type { EncryptedStorageClass } from './encrypted-storage-class';
import type { KeywardDriver } from './keyward-driver';
import { propError } from './prop-error';

/** Refuses a class whose key derivations, as many at once as the driver runs, do not fit into its memory limit. */
export function refuseMemoryShortage({ name, parameters }: EncryptedStorageClass<string>, driver: KeywardDriver): void {
  const { pbkdfMemoryKiB = 0 } = parameters.luks;
  const { parallel } = driver.config.cryptsetup;
  const neededMebibytes = Math.ceil(driverOwnMebibytes + (pbkdfMemoryKiB * parallel) / 1024);
  if (neededMebibytes <= driver.memoryLimit.toMebibytes()) return;
  throw propError({
    prop: `class ${name}: luks.pbkdfMemoryKiB`,
    got: `${pbkdfMemoryKiB} KiB, ${parallel} at once`,
    allowed: `what fits into a memory limit of ${driver.memoryLimit.toMebibytes()} MiB`,
    remedy: `Use pbkdf2, which is sound for random keys; or raise driver.memoryLimit to ${neededMebibytes} MiB, or lower driver.cryptsetup.parallel`,
    rule: 'R12, trap 12',
  });
}
