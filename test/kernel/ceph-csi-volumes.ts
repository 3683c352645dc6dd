/** Volumes that ceph-csi made, on their way to keyward: with keys in Vault or in the metadata of their images. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CephCsi, type CephCsiClass, type CephCsiVolume, wrappedKey } from '../harness/ceph-csi';
import { cryptsetup } from '../harness/ceph-csi-keyslots';
import { wrapWithPassphrase } from '../harness/ceph-csi-passphrase';
import { vaultMount } from '../harness/driver';
import type { OpenBao } from '../harness/openbao';
import { clusterId, pool, type RbdDriver } from '../harness/rbd-driver';
import { RbdVolume } from '../harness/rbd-volume';

/** Of the KMS `vault`: where ceph-csi has its keys. */
export const keyPrefix = 'ceph-csi/';
/** Of the KMS `metadata`. */
export const passphrase = 'of the administrator';
export const MiB = 2 ** 20;

const content = 'written under ceph-csi';

/** What runs; a test file has it from its `beforeAll` on. */
export interface CephCsiParts {
  readonly bao: OpenBao;
  readonly driver: RbdDriver;
  readonly cephCsi: CephCsi;
}

export function cephCsiVolumes(parts: () => CephCsiParts) {
  const keyPath = (id: string) => `${vaultMount}/data/${keyPrefix}${id}`;
  /** As ceph-csi writes into a KV engine of version 2. */
  const storeInVault = async ({ id }: Pick<CephCsiVolume, 'id'>, key: string) => {
    await parts().bao.expectOk('PUT', keyPath(id), { data: { data: { passphrase: key } } });
  };
  const inVault: CephCsiClass = { kmsId: 'vault', owner: 'shop', sizeBytes: 64 * MiB, store: storeInVault };
  const inMetadata: CephCsiClass = {
    ...inVault,
    kmsId: 'metadata',
    store: (volume, key) =>
      parts().cephCsi.setMetadata(volume, { [wrappedKey]: wrapWithPassphrase(passphrase, volume.id, key) }),
  };
  /** As keyward is asked for a volume of ceph-csi: with the attributes that its PersistentVolume has. */
  const known = ({ id, image }: CephCsiVolume, kmsId = 'vault', block = false) =>
    new RbdVolume(parts().driver, id, {
      block,
      context: {
        clusterID: clusterId,
        pool,
        journalPool: pool,
        imageName: image,
        encrypted: 'true',
        encryptionKMSID: kmsId,
      },
      secrets: { ...parts().driver.secrets, encryptionPassphrase: passphrase },
    });
  const writeFile = (mountPoint: string) => writeFileSync(join(mountPoint, 'file'), content);
  return {
    storeInVault,
    inVault,
    inMetadata,
    known,
    writeFile,
    keyInVault: async ({ id }: Pick<CephCsiVolume, 'id'>): Promise<string> =>
      (await parts().bao.expectOk('GET', keyPath(id))).body.data.data.data.passphrase,
    opens: (device: string, key: string) =>
      cryptsetup(['open', '--test-passphrase', '--key-file', '-', device], key).then(
        () => true,
        () => false,
      ),
    /** A volume of ceph-csi that was in use: formatted, written, unstaged. */
    used: async (wanted: CephCsiClass = inVault) => {
      const { cephCsi, driver } = parts();
      const made = await cephCsi.create(wanted);
      const staging = join(driver.root, 'ceph-csi');
      writeFile(await cephCsi.stage(made, staging));
      await cephCsi.unstage(made, staging);
      return { made, subject: known(made, wanted.kmsId) };
    },
    /** Whether what was written under ceph-csi is there. */
    holdsFile: (mountPoint: string) => readFileSync(join(mountPoint, 'file'), 'utf8') === content,
  };
}
